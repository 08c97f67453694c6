import type { QueryReceipt } from "../query/receipts";

/** An answered query that was sampled. */
export interface TracedQuery {
  /** Name and version that were asked for. */
  readonly model: string;
  readonly version: string;
  /** The request's own; empty: it had none. */
  readonly requestId: string;
  /** W3C Trace Context. */
  readonly traceId: string;
  readonly endEpochMs: number;
  readonly receipt: Pick<
    QueryReceipt,
    "totalMs" | "selectMs" | "networkMs" | "queueMs" | "gatherMs" | "computeMs" | "scatterMs"
  >;
}

/**
 * One trace as Triton writes it: what was asked, then when each stage began and ended, in nanoseconds since 1970. The way
 * to the executor is taken to be as long as the way back.
 */
export function tracedQuery(id: number, query: TracedQuery): string {
  const { model, version, requestId, traceId, endEpochMs, receipt } = query;
  const { totalMs, selectMs, networkMs, queueMs, gatherMs, computeMs, scatterMs } = receipt;
  const startMs = endEpochMs - totalMs;
  const queueStartMs = startMs + selectMs + networkMs / 2;
  const computeStartMs = queueStartMs + queueMs;
  const inputEndMs = computeStartMs + gatherMs;
  const outputStartMs = inputEndMs + computeMs;
  const stages: readonly (readonly [name: string, atMs: number])[] = [
    ["REQUEST_START", startMs],
    ["QUEUE_START", queueStartMs],
    ["COMPUTE_START", computeStartMs],
    ["COMPUTE_INPUT_END", inputEndMs],
    ["COMPUTE_OUTPUT_START", outputStartMs],
    ["COMPUTE_END", outputStartMs + scatterMs],
    ["REQUEST_END", endEpochMs],
  ];
  const asked = {
    id,
    model_name: model,
    model_version: Number(version),
    ...(requestId === "" ? {} : { request_id: requestId }),
    trace_id: traceId,
  };
  const times = stages.map(([name, atMs]) => `{"name":"${name}","ns":${nanoseconds(atMs)}}`);
  return `${JSON.stringify(asked)},{"id":${id},"timestamps":[${times.join(",")}]}`;
}

/** In digits, of which a double has too few. */
function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms * 1000)) * 1000n);
}
