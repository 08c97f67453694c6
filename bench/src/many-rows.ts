import { join } from "node:path";
import { createInfaasClient, type InfaasClient } from "@infaas/client";
import type { BenchScope } from "./bench-scope";
import { writeBenchModels } from "./models";
import { median } from "./statistics";
import { buildLoadGenerator, cache, startSystem } from "./system";
import { runLoad } from "./whole-path";

const modelName = "mlp-s";
const floats = 64;
const outputs = 10;
const manyRows = 10_000;
const windowSeconds = 4;
const roundsDefault = 5;
/** Callers of one row: an open loop, so that as many ask whatever becomes of the answers. */
const rowsPerSecond = 400;
/** Between two requests of many rows. */
const pauseMs = 200;

/**
 * Prints the p99 of callers of one row without and beside requests of 10,000 rows over gRPC and over HTTP, in windows that take
 * turns; every answer to many rows is compared with what its rows are answered one by one.
 */
export async function benchManyRows({ rounds }: BenchScope): Promise<void> {
  const load = buildLoadGenerator();
  const { path } = writeBenchModels(join(cache, "models")).find(({ name }) => name === modelName)!;
  const system = await startSystem();
  const client = createInfaasClient(system.address);
  try {
    await client.register({ name: modelName, path });
    const ask = await manyRowsAsked(client, httpAddressOf(system.address));
    const window = () =>
      runLoad(load, [
        ...["-address", system.address, "-model", modelName, "-floats", String(floats)],
        ...[
          "-rate",
          String(rowsPerSecond),
          "-in-flight",
          "4",
          "-seconds",
          String(windowSeconds),
          "-warm-up",
          "0.5",
        ],
      ]);
    const p99s = new Map<string, number[]>([...Object.keys(ask), "without"].map((kind) => [kind, []]));
    for (let round = 0; round < (rounds ?? roundsDefault); round++) {
      for (const [kind, found] of p99s) {
        const beside = kind === "without" ? null : keepAsking(ask[kind as keyof typeof ask]);
        const { p50Ms, p99Ms, perSecond, failures } = await window();
        const asked = await beside?.();
        found.push(p99Ms);
        const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
        const told =
          asked === undefined ? "" : `, ${asked.count} of ${manyRows} rows in ${asked.ms.toFixed(0)} ms each`;
        process.stdout.write(
          `${kind.padEnd(8)} ${perSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${failed} failed${told}\n`,
        );
      }
    }
    const without = median(p99s.get("without")!);
    for (const kind of Object.keys(ask))
      process.stdout.write(
        `p99 of one row beside ${manyRows} rows over ${kind}: ${median(p99s.get(kind)!).toFixed(2)} ms against ${without.toFixed(2)} ms: ${(median(p99s.get(kind)!) / without).toFixed(2)}x\n`,
      );
  } finally {
    client.close();
    await system.stop();
  }
}

/** Asks for many rows again and again; the returned function ends that, and tells how often and how long it took. */
function keepAsking(ask: () => Promise<void>): () => Promise<{ count: number; ms: number }> {
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
  return async () => {
    running = false;
    await done;
    return { count, ms: sumMs / count };
  };
}

async function manyRowsAsked(client: InfaasClient, http: string) {
  const rows = Float32Array.from({ length: manyRows * floats }, (_, at) => Math.sin(at));
  const bytes = new Uint8Array(rows.buffer);
  const tensor = { name: "x", datatype: "FP32" as const, shape: [manyRows, floats], bytes };
  const some = [0, 1, 4_999, manyRows - 1];
  const right = await Promise.all(
    some.map(async (row) => {
      const own = bytes.subarray(row * floats * 4, (row + 1) * floats * 4);
      const { outputs: answered } = await client.query(modelName, [
        { ...tensor, shape: [1, floats], bytes: own },
      ]);
      return new Float32Array(Uint8Array.from(answered[0]!.bytes).buffer);
    }),
  );
  const expectRight = (answer: Uint8Array) => {
    const values = new Float32Array(Uint8Array.from(answer).buffer);
    if (values.length !== manyRows * outputs) throw new Error(`${values.length} values for ${manyRows} rows`);
    for (const [index, row] of some.entries())
      for (let at = 0; at < outputs; at++)
        if (Math.abs(values[row * outputs + at]! - right[index]![at]!) > 1e-4)
          throw new Error(`row ${row} of ${manyRows} is answered otherwise alone`);
  };
  const head = JSON.stringify({
    inputs: [
      {
        name: "x",
        datatype: "FP32",
        shape: [manyRows, floats],
        parameters: { binary_data_size: bytes.byteLength },
      },
    ],
    outputs: [{ name: "y", parameters: { binary_data: true } }],
  });
  const body = Buffer.concat([Buffer.from(head), bytes]);
  const url = `http://${http}/v2/models/${modelName}/infer`;
  return {
    gRPC: async () => {
      const { outputs: answered } = await client.query(modelName, [tensor]);
      expectRight(answered[0]!.bytes);
    },
    HTTP: async () => {
      const headers = { "inference-header-content-length": String(Buffer.byteLength(head)) };
      const response = await fetch(url, { method: "POST", headers, body });
      const answer = new Uint8Array(await response.arrayBuffer());
      if (response.status !== 200) throw new Error(Buffer.from(answer).toString());
      expectRight(answer.subarray(Number(response.headers.get("inference-header-content-length"))));
    },
  };
}

function httpAddressOf(grpc: string): string {
  const [host, port] = grpc.split(":");
  return `${host}:${Number(port) - 1}`;
}
