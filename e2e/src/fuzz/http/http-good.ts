import type { Random } from "@infaas/runtime";
import type { AnswerBook } from "../answer-book";
import type { FuzzedSystem } from "../fuzzed-system";
import { goodRowsMax } from "../good-calls";
import { below } from "../wire-mutator";
import type { HttpOutcome } from "./http-connection";
import {
  compressedRequest,
  type HttpRequest,
  headLength,
  writtenInChunks,
  writtenWhole,
} from "./http-requests";

/**
 * Requests that have to be answered rightly, written one behind the other, and what is wrong with their
 * answers.
 */
export interface GoodExchange {
  readonly bytes: Buffer;
  readonly methods: readonly string[];
  faultOf(outcomes: readonly HttpOutcome[]): string | null;
}

const pipelinedMax = 4;
const floatBytes = 4;
const ok = 200;

/** Returns one to four queries in any of the forms that the face takes. */
export function goodExchange(
  system: FuzzedSystem,
  book: AnswerBook,
  number: number,
  random: Random,
): GoodExchange {
  const count = random.next() < 0.8 ? 1 : 1 + below(random, pipelinedMax);
  const queries = Array.from({ length: count }, (_, i) => goodQuery(system, `good-${number}.${i}`, random));
  const written = queries.map(({ request }) =>
    random.next() < 0.8 ? writtenWhole(request) : writtenInChunks(request, random),
  );
  return {
    bytes: Buffer.concat(written),
    methods: queries.map(() => "POST"),
    faultOf: (outcomes) => {
      for (const [i, query] of queries.entries()) {
        const fault = faultIn(book, query, outcomes[i]!);
        if (fault !== null) return `answer ${i} of ${count}: ${fault}`;
      }
      return null;
    },
  };
}

interface GoodQuery {
  readonly request: HttpRequest;
  readonly rows: readonly number[];
  /** Null: the form has no place for an id. */
  readonly id: string | null;
}

/** A query of any rows as the JSON of the protocol; every form begins with it. */
export function inferJson(
  { input }: FuzzedSystem,
  rows: readonly Uint8Array[],
  form: { readonly id: string; readonly binaryIn: boolean; readonly binaryOut: boolean },
): string {
  const bytes = Buffer.concat(rows);
  const tensor = { name: input.name, shape: [rows.length, ...input.shape], datatype: "FP32" };
  const filled = form.binaryIn
    ? { ...tensor, parameters: { binary_data_size: bytes.length } }
    : { ...tensor, data: Array.from(new Float32Array(Uint8Array.from(bytes).buffer)) };
  return JSON.stringify({
    id: form.id,
    inputs: [filled],
    parameters: { binary_data_output: form.binaryOut },
  });
}

function goodQuery(system: FuzzedSystem, id: string, random: Random): GoodQuery {
  const rows = Array.from({ length: 1 + below(random, goodRowsMax) }, () =>
    below(random, system.rows.length),
  );
  const tensors = rows.map((row) => system.rows[row]!);
  const path = `/v2/models/${system.variant}/infer`;
  const base = { method: "POST", path, headers: {} };
  if (random.next() < 0.1) {
    const request = { ...base, headers: { [headLength]: 0 }, body: Buffer.concat(tensors) };
    return { request, rows, id: null };
  }
  const binaryIn = random.next() < 0.4;
  const json = Buffer.from(inferJson(system, tensors, { id, binaryIn, binaryOut: random.next() < 0.4 }));
  const request = binaryIn
    ? { ...base, headers: { [headLength]: json.length }, body: Buffer.concat([json, ...tensors]) }
    : { ...base, body: json };
  return { request: random.next() < 0.1 ? compressedRequest(request, random) : request, rows, id };
}

function faultIn(
  book: AnswerBook,
  { rows, id }: GoodQuery,
  { status, headers, body }: HttpOutcome,
): string | null {
  if (status !== ok) return `${status} ${body.subarray(0, 200)}`;
  const length = headers.get(headLength.toLowerCase());
  const json = JSON.parse(body.subarray(0, length === undefined ? body.length : Number(length)).toString());
  if (id !== null && json.id !== id) return `the id is '${json.id}' instead of '${id}'`;
  if (length !== undefined) return book.faultOf(rows, body.subarray(Number(length)));
  const values = Float32Array.from(json.outputs[0].data as number[]);
  return book.faultOf(rows, new Uint8Array(values.buffer, 0, values.length * floatBytes));
}
