import { fromBinary } from "@bufbuild/protobuf";
import {
  ModelInferResponseSchema,
  type ModelStreamInferResponse,
  ModelStreamInferResponseSchema,
  QueryResponseSchema,
} from "@infaas/api";
import type { Random } from "@infaas/runtime";
import type { AnswerBook } from "./answer-book";
import { type Headers, oddCall, plainCall } from "./call-shape";
import type { FuzzedSystem } from "./fuzzed-system";
import { goodInfer, goodQuery } from "./infer-messages";
import { prefixed } from "./message-prefix";
import type { RawCall, RawOutcome } from "./raw-connection";
import { below, mutateMessage } from "./wire-mutator";

export const inferPath = "/inference.GRPCInferenceService/ModelInfer";
export const streamPath = "/inference.GRPCInferenceService/ModelStreamInfer";
export const queryPath = "/infaas.v1.InferenceService/Query";

/** A call that has to be answered rightly, and what is wrong with its answer (null: nothing). */
export interface GoodCall {
  readonly call: RawCall;
  faultOf(outcome: RawOutcome): string | null;
}

/** Rows of one good request. */
export const goodRowsMax = 8;
const streamedMax = 12;

/** Returns a call of any of the three ways to ask for answers, put in any form that HTTP/2 allows. */
export function goodCall(system: FuzzedSystem, book: AnswerBook, number: number, random: Random): GoodCall {
  const chance = random.next();
  const shape = (path: string, body: Buffer, headers: Headers = {}) =>
    random.next() < 0.3 ? oddCall(path, body, headers, random) : plainCall(path, body, headers);
  const id = `good-${number}`;
  if (chance < 0.6) {
    const rows = someRows(system, random);
    // Metadata keeps a request off the native server's short way.
    const headers: Headers = random.next() < 0.3 ? { "slo-latency-ms": "60000" } : {};
    const call = shape(inferPath, prefixed(goodInfer(system, rows, id)), headers);
    return { call, faultOf: unary((message) => inferFault(book, message, rows, id)) };
  }
  if (chance < 0.8) {
    const rows = someRows(system, random);
    const call = shape(queryPath, prefixed(goodQuery(system, rows, id, random.next() < 0.2)));
    return { call, faultOf: unary((message) => queryFault(system, book, message, rows, id)) };
  }
  const asked = Array.from({ length: 1 + below(random, streamedMax) }, (_, i) => ({
    rows: random.next() < 0.8 ? someRows(system, random) : null,
    id: `${id}.${i}`,
  }));
  const messages = asked.map(({ rows, id }) =>
    rows === null ? brokenMessage(random) : goodInfer(system, rows, id),
  );
  const call = shape(streamPath, Buffer.concat(messages.map(prefixed)));
  return { call, faultOf: (outcome) => streamFault(book, outcome, asked) };
}

/**
 * Learns what is answered to each row, one after the other. Throws when one is not answered, or most are
 * wrong.
 */
export async function learnAnswers(
  system: FuzzedSystem,
  book: AnswerBook,
  ask: (call: RawCall) => Promise<RawOutcome>,
): Promise<void> {
  for (const row of system.rows.keys()) {
    const outcome = await ask(plainCall(inferPath, prefixed(goodInfer(system, [row], "learn"))));
    if (outcome.code !== 0) throw new Error(`a good request ended with ${outcome.code}: ${outcome.message}`);
    const { rawOutputContents } = fromBinary(
      ModelInferResponseSchema,
      outcome.answers[0] ?? new Uint8Array(),
    );
    book.learn(rawOutputContents[0] ?? new Uint8Array());
  }
  book.mustBeAccurate();
}

function someRows({ rows }: FuzzedSystem, random: Random): number[] {
  return Array.from({ length: 1 + below(random, goodRowsMax) }, () => below(random, rows.length));
}

/** Never a readable request: what a stream answers it with an error, in its place. */
function brokenMessage(random: Random): Buffer {
  return Buffer.concat([
    Buffer.from([0x0a, 0x7f]),
    mutateMessage(Buffer.from("broken"), random).subarray(0, 50),
  ]);
}

function unary(faultIn: (message: Buffer) => string | null): (outcome: RawOutcome) => string | null {
  return ({ code, message, answers: [answer] }) => {
    if (code !== 0) return `ended with ${code}: ${message}`;
    return answer === undefined ? "no message in the answer" : faultIn(answer);
  };
}

function inferFault(book: AnswerBook, message: Buffer, rows: readonly number[], id: string): string | null {
  const answer = fromBinary(ModelInferResponseSchema, message);
  if (answer.id !== id) return `the id is '${answer.id}' instead of '${id}'`;
  return book.faultOf(rows, answer.rawOutputContents[0]);
}

function queryFault(
  { variant }: FuzzedSystem,
  book: AnswerBook,
  message: Buffer,
  rows: readonly number[],
  id: string,
): string | null {
  const answer = fromBinary(QueryResponseSchema, message);
  if (answer.id !== id) return `the id is '${answer.id}' instead of '${id}'`;
  if (answer.receipt?.variant !== variant) return `the receipt names '${answer.receipt?.variant}'`;
  return book.faultOf(rows, answer.rawOutputContents[0]);
}

interface Asked {
  /** Null: the message was no readable request. */
  readonly rows: readonly number[] | null;
  readonly id: string;
}

function streamFault(book: AnswerBook, outcome: RawOutcome, asked: readonly Asked[]): string | null {
  if (outcome.code !== 0) return `the stream ended with ${outcome.code}: ${outcome.message}`;
  if (outcome.answers.length !== asked.length)
    return `${outcome.answers.length} answers to ${asked.length} messages`;
  for (const [i, { rows, id }] of asked.entries()) {
    const fault = answerFault(
      book,
      fromBinary(ModelStreamInferResponseSchema, outcome.answers[i]!),
      rows,
      id,
    );
    if (fault !== null) return `answer ${i} of ${asked.length}: ${fault}`;
  }
  return null;
}

function answerFault(
  book: AnswerBook,
  { errorMessage, inferResponse }: ModelStreamInferResponse,
  rows: readonly number[] | null,
  id: string,
): string | null {
  if (rows === null) return errorMessage === "" ? "no error for a broken message" : null;
  if (errorMessage !== "") return errorMessage;
  if (inferResponse?.id !== id) return `the id is '${inferResponse?.id}' instead of '${id}'`;
  return book.faultOf(rows, inferResponse.rawOutputContents[0]);
}
