import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { elementCount, numberBytes, readNumbers } from "@infaas/api";
import { analyseRows, decodeModel } from "@infaas/onnx";
import fc from "fast-check";
import type { Engine } from "../../engines/engine-port";
import { nativeEngines } from "../../engines/native-engine";
import { largestDifference } from "../../engines/tensor-difference";
import { type Choice, randomGraph } from "../../testing/random-graph";
import { FREE_SIZE, type RandomGraph } from "../../testing/random-graph-draft";
import { extremeRows } from "../onnx/extreme-rows";
import { joinedRows, type RowSet, rowSetOf } from "../onnx/row-set";

/** Graphs that are tried; `npm run random-graphs` tries 10,000. */
const GRAPHS = Number(process.env.GRAPHS ?? 300);
const SEED = Number(process.env.GRAPHS_SEED ?? 20_261);
const CALLERS = 16;
const ORDINARY = 6;
const TOLERANCE = 1e-5;
/** Of graphs that keep rows apart, those whose proof is found. */
const PROVEN_SHARE_MIN = 0.9;

const choice: fc.Arbitrary<Choice> = fc.record({
  operator: fc.nat(10_000),
  first: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(20) }),
  second: fc.nat(20),
  detail: fc.nat(1_000),
});

describe("analyseRows of random graphs", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "random-graphs-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it(`lets none of ${GRAPHS} be batched whose callers get each other's answers, and proves most that may be`, async () => {
    const seen = { apart: 0, proven: 0, mixing: 0, refused: 0, unproven: new Map<string, number>() };
    const property = fc.asyncProperty(fc.array(choice, { minLength: 1, maxLength: 12 }), async (choices) => {
      const graph = randomGraph(choices);
      const analysis = analyseRows(decodeModel(graph.file));
      if (graph.mixes) seen.mixing += 1;
      else seen.apart += 1;
      if (!analysis.proven) {
        const cause = analysis.cause?.opType ?? analysis.reason;
        if (!graph.mixes) seen.unproven.set(cause, (seen.unproven.get(cause) ?? 0) + 1);
        return;
      }
      if (graph.mixes) throw new Error(`proven although rows meet: ${graph.operators.join(", ")}`);
      seen.proven += 1;
      const path = join(folder, "model.onnx");
      await writeFile(path, graph.file);
      const wrong = await wrongAnswer(path, graph);
      if (wrong === "refused") seen.refused += 1;
      else if (wrong !== null) throw new Error(`${wrong}: ${graph.operators.join(", ")}`);
    });
    await fc.assert(property, { numRuns: GRAPHS, seed: SEED });
    const share = seen.proven / seen.apart;
    const unproven = [...seen.unproven].map(([opType, count]) => `${opType} ${count}`).join(", ");
    process.stdout.write(
      `${seen.apart} graphs keep rows apart, ${seen.proven} of them proven (${(100 * share).toFixed(1)} %), ` +
        `${seen.refused} of those refused by the engine; ${seen.mixing} mix rows; not proven: ${unproven || "none"}\n`,
    );
    expect(share).toBeGreaterThanOrEqual(PROVEN_SHARE_MIN);
    expect(seen.refused).toBeLessThan(seen.proven / 10);
  }, 3_600_000);
});

/** What is wrong with an answer in company, null when nothing; `refused` where the engine does not take the graph at all. */
async function wrongAnswer(path: string, graph: RandomGraph): Promise<string | null> {
  const rows = rowsFor(graph);
  const limits = { queueRowsMax: 64, queueBytesMax: 1 << 26, latency: [] };
  const options = {
    path,
    threads: 1,
    concurrency: 1,
    maxBatch: CALLERS,
    batching: "inputs" as const,
    ...limits,
  };
  const engine = await nativeEngines.open(options).catch(() => null);
  if (engine === null) return "refused";
  try {
    const alone: (Uint8Array | null)[] = [];
    for (let row = 0; row < CALLERS; row++) alone.push(await answerOf(engine, rows, row).catch(() => null));
    if (alone.every((answer) => answer === null)) return "refused";
    const callers = [...alone.keys()].filter((row) => alone[row] !== null);
    const together = await Promise.all(callers.map((row) => answerOf(engine, rows, row).catch(String)));
    for (const [index, row] of callers.entries()) {
      const fault = differs(alone[row]!, together[index]!, row < ORDINARY || isTame(graph, rows, row));
      if (fault !== null) return `caller ${row} of ${callers.length}: ${fault}`;
    }
    return null;
  } finally {
    await engine.close();
  }
}

async function answerOf(engine: Engine, rows: RowSet, row: number): Promise<Uint8Array> {
  const query = { rows: 1, dims: rows.dimsOf(1), lane: 0, timeoutMs: null, signal: null };
  const answer = await engine.submit(rows.inputsOf([row]), query);
  const bytes = Uint8Array.from(answer.outputs[0]!);
  answer.release();
  return bytes;
}

/** A row whose own numbers are not tame is company only: it must be answered, with whatever the engine makes of them. */
function differs(alone: Uint8Array, together: Uint8Array | string, compared: boolean): string | null {
  if (typeof together === "string") return `refused in company: ${together}`;
  if (!compared) return null;
  if (alone.length !== together.length) return `has ${together.length} bytes, alone ${alone.length}`;
  const difference = largestDifference("FP32", alone, together) ?? Number.POSITIVE_INFINITY;
  const finite = Array.from(readNumbers("FP32", alone) ?? [], Number).filter(Number.isFinite);
  const magnitude = Math.max(1, ...finite.map(Math.abs));
  return difference <= TOLERANCE * magnitude
    ? null
    : `differs by ${difference} at a magnitude of ${magnitude}`;
}

/**
 * Whether a row's numbers are finite and not very large: the engine's maximum of NaN depends on where in memory it lies, and
 * large numbers cancel otherwise in another order.
 */
function isTame({ inputs }: RandomGraph, rows: RowSet, row: number): boolean {
  const tensors = rows.inputsOf([row]);
  return inputs.every(({ datatype }, index) => {
    const numbers = Array.from(readNumbers(datatype, tensors[index]!) ?? [], Number);
    return numbers.every((number) => Math.abs(number) < 1e4);
  });
}

function rowsFor({ inputs }: RandomGraph): RowSet {
  const signatures = inputs.map(({ name, datatype, dims }) => ({
    name,
    datatype,
    shape: (dims ?? []).map((size) => (typeof size === "number" ? size : -1)),
  }));
  const shapes = inputs.map(({ dims }) =>
    (dims ?? []).map((size) => (typeof size === "number" ? size : size === "N" ? 1 : FREE_SIZE)),
  );
  const examples = Buffer.concat(
    Array.from({ length: ORDINARY }, (_, row) =>
      signatures.map(({ datatype }, index) => {
        const real = datatype.startsWith("FP");
        const values = Array.from({ length: elementCount(shapes[index]!) }, (_, at) => {
          const whole = (at * 37 + row * 11 + index) % 17;
          return real ? (whole - 8) / 4 : whole % 7;
        });
        return numberBytes(datatype, values)!;
      }),
    ).flat(),
  );
  const sizes = shapes.map(
    (shape, index) => numberBytes(signatures[index]!.datatype, [0])!.length * elementCount(shape),
  );
  const ordinary = rowSetOf({ examples, count: ORDINARY, sizes, shapes, inputs: signatures });
  return joinedRows(ordinary, extremeRows(signatures, ordinary));
}
