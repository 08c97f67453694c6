import type { GraphProto, NodeProto } from "@infaas/api";
import type { OnnxModel } from "@infaas/onnx";
import { bodiesOf } from "@infaas/onnx";

/** Words of a file that are kept for one input. */
const WORDS_MAX = 64;
/** Longest word that is kept, in bytes. */
const WORD_BYTES_MAX = 256;

/** Operators that pass their words on as they are. */
const PASSING = new Set(["Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"]);

/**
 * Words that a file names for an input of strings, all of one length (rows are cut at fixed bytes): those of the operators
 * that take it (categories of an encoder), else all words of the file. Empty where there are none.
 */
export function wordsOf({ graph }: OnnxModel, input: string): readonly string[] {
  const own = oneLength(takersOf(graph, input).flatMap(stringsOf));
  return own.length > 0 ? own : oneLength(nodesOf(graph).flatMap(stringsOf));
}

function takersOf({ node }: GraphProto, input: string): NodeProto[] {
  const names = new Set([input]);
  const takers: NodeProto[] = [];
  for (const one of node) {
    if (!one.input.some((name) => names.has(name))) continue;
    if (PASSING.has(one.opType ?? "")) for (const name of one.output) names.add(name);
    else takers.push(one);
  }
  return takers;
}

function nodesOf(graph: GraphProto): NodeProto[] {
  return [...graph.node, ...bodiesOf(graph).flatMap(nodesOf)];
}

function stringsOf({ attribute }: NodeProto): string[] {
  return attribute.flatMap(({ strings }) => strings.map((bytes) => Buffer.from(bytes).toString()));
}

/** The words of the length that most have. */
function oneLength(words: readonly string[]): string[] {
  const byLength = new Map<number, Set<string>>();
  for (const word of words) {
    const length = Buffer.byteLength(word);
    if (length === 0 || length > WORD_BYTES_MAX) continue;
    const alike = byLength.get(length) ?? new Set();
    byLength.set(length, alike.add(word));
  }
  const most = [...byLength.values()].reduce(
    (best, one) => (one.size > best.size ? one : best),
    new Set<string>(),
  );
  return [...most].slice(0, WORDS_MAX);
}
