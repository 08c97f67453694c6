import { createInfaasClient, type InfaasClient } from "@infaas/client";
import { tuneProcess } from "@infaas/runtime";

/** A request of many rows of float32 to a model with one input and one output. */
export interface ManyRows {
  /** host:port of a frontend's gRPC, and of its HTTP. */
  readonly grpc: string;
  readonly http: string;
  readonly model: string;
  readonly rows: number;
  /** Elements of a row of the input and of the output. */
  readonly floats: number;
  readonly outputs: number;
  /** Between the answer to one request and the next. */
  readonly pauseMs: number;
}

/** How requests of many rows are sent. */
export type ManyRowsKind = "gRPC" | "HTTP";

/** What came of asking again and again. */
export interface Asked {
  readonly count: number;
  /** Mean time of a request. */
  readonly ms: number;
}

/** What the process is told: to begin, or to end and tell. */
export type CallerOrder = ManyRowsKind | "stop";
/** What it tells: that it may begin, or what came of it. */
export type CallerReport = "ready" | Asked;

/** Rows of an answer that are compared with what they are answered alone. */
const comparedRows = 4;
const tolerance = 1e-4;

/**
 * Body of a process that asks for many rows, as one caller of its own: what it costs to write such a request and to read
 * its answer is not the system's, nor that of other callers. The first argument is a `ManyRows` as JSON; the parent orders.
 * Its heap may grow: V8 otherwise marks it for each request, for 25 ms and on every core.
 */
async function main(asked: ManyRows): Promise<void> {
  tuneProcess();
  const client = createInfaasClient(asked.grpc);
  const asks = await manyRowsAsked(client, asked);
  let stop: (() => Promise<Asked>) | null = null;
  process.on("message", (order: CallerOrder) => {
    if (order === "stop") void stop?.().then(tell, fail);
    else stop = keepAsking(asks[order], asked.pauseMs);
  });
  process.once("disconnect", () => process.exit());
  tell("ready");
}

function tell(report: CallerReport): void {
  process.send?.(report);
}

function fail(error: Error): void {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

/** Asks for many rows again and again; the returned function ends that, and tells how often and how long it took. */
function keepAsking(ask: () => Promise<void>, pauseMs: number): () => Promise<Asked> {
  let running = true;
  let count = 0;
  let sumMs = 0;
  const done = (async () => {
    while (running) {
      const startMs = performance.now();
      await ask();
      sumMs += performance.now() - startMs;
      count += 1;
      await new Promise((next) => setTimeout(next, pauseMs));
    }
  })();
  done.catch(fail);
  return async () => {
    running = false;
    await done;
    return { count, ms: sumMs / count };
  };
}

/** Each compares its answer with what some of the rows are answered alone. */
async function manyRowsAsked(
  client: InfaasClient,
  { http, model, rows, floats, outputs }: ManyRows,
): Promise<Readonly<Record<ManyRowsKind, () => Promise<void>>>> {
  const values = Float32Array.from({ length: rows * floats }, (_, at) => Math.sin(at));
  const bytes = new Uint8Array(values.buffer);
  const tensor = { name: "x", datatype: "FP32" as const, shape: [rows, floats], bytes };
  const some = Array.from({ length: comparedRows }, (_, i) =>
    Math.floor((i * (rows - 1)) / (comparedRows - 1)),
  );
  const right: Float32Array[] = [];
  for (const row of some) {
    const own = bytes.subarray(row * floats * 4, (row + 1) * floats * 4);
    const { outputs: answered } = await client.query(model, [{ ...tensor, shape: [1, floats], bytes: own }]);
    right.push(floatsOf(answered[0]!.bytes));
  }
  const mustBeRight = (answer: Uint8Array) => {
    const got = floatsOf(answer);
    if (got.length !== rows * outputs) throw new Error(`${got.length} values for ${rows} rows`);
    for (const [index, row] of some.entries())
      for (let at = 0; at < outputs; at++)
        if (!(Math.abs(got[row * outputs + at]! - right[index]![at]!) <= tolerance))
          throw new Error(`row ${row} of ${rows} is answered otherwise alone`);
  };
  const head = JSON.stringify({
    inputs: [
      {
        ...{ name: tensor.name, datatype: tensor.datatype, shape: tensor.shape },
        parameters: { binary_data_size: bytes.byteLength },
      },
    ],
    outputs: [{ name: "y", parameters: { binary_data: true } }],
  });
  const body = Buffer.concat([Buffer.from(head), bytes]);
  const url = `http://${http}/v2/models/${model}/infer`;
  return {
    gRPC: async () => {
      const { outputs: answered } = await client.query(model, [tensor]);
      mustBeRight(answered[0]!.bytes);
    },
    HTTP: async () => {
      const headers = { "inference-header-content-length": String(Buffer.byteLength(head)) };
      const response = await fetch(url, { method: "POST", headers, body });
      const answer = new Uint8Array(await response.arrayBuffer());
      if (response.status !== 200) throw new Error(Buffer.from(answer).toString());
      mustBeRight(answer.subarray(Number(response.headers.get("inference-header-content-length"))));
    },
  };
}

/** The numbers in bytes that need not be aligned. */
function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}

main(JSON.parse(process.argv[2] ?? "")).catch(fail);
