import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, VirtualClock } from "@infaas/runtime";
import { TraceFile } from "./trace-file";

const receipt = {
  totalMs: 10,
  selectMs: 1,
  networkMs: 2,
  queueMs: 3,
  gatherMs: 0.5,
  computeMs: 2,
  scatterMs: 0.5,
};
const query = {
  model: "mlp",
  version: "2",
  requestId: "q-1",
  traceId: "1".repeat(32),
  endEpochMs: 1_795_000_000_000,
  receipt,
};

describe("TraceFile", () => {
  let folder: string;
  let clock: VirtualClock;
  let file: TraceFile;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "trace-file-"));
    clock = new VirtualClock();
    const logger = createLogger({ service: "test", write: () => undefined });
    file = new TraceFile({ path: join(folder, "below", "trace.json"), clock, logger });
  });
  afterEach(() => {
    file.close();
    rmSync(folder, { recursive: true });
  });

  const read = (name: string) => JSON.parse(readFileSync(join(folder, "below", name), "utf8"));

  it("writes each stage's time as Triton names it", () => {
    file.record(query);
    file.close();
    const startNs = 1_794_999_999_990_000_000n;
    const text = readFileSync(file.path, "utf8");
    const [asked, { id, timestamps }] = JSON.parse(text);
    const traced = { id: 1, model_name: "mlp", model_version: 2, request_id: "q-1" };
    expect(asked).toEqual({ ...traced, trace_id: query.traceId });
    expect(id).toBe(1);
    expect(timestamps.map((t: { name: string }) => t.name)).toEqual([
      "REQUEST_START",
      "QUEUE_START",
      "COMPUTE_START",
      "COMPUTE_INPUT_END",
      "COMPUTE_OUTPUT_START",
      "COMPUTE_END",
      "REQUEST_END",
    ]);
    const written = [...text.matchAll(/"ns":(\d+)/g)].map(([, ns]) => BigInt(ns ?? "") - startNs);
    expect(written).toEqual([0n, 2_000_000n, 5_000_000n, 5_500_000n, 7_500_000n, 8_000_000n, 10_000_000n]);
  });

  it("goes on in one file, which is whole once it is closed", async () => {
    file.record(query);
    await clock.advance(1_000);
    file.record(query);
    await clock.advance(1_000);
    file.record(query);
    file.close();
    expect(read("trace.json").map(({ id }: { id: number }) => id)).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it("begins a file after so many traces, and with what is left when it is closed", () => {
    file.frequency = 2;
    for (let i = 0; i < 3; i++) file.record(query);
    expect(readdirSync(join(folder, "below"))).toEqual(["trace.json.0"]);
    file.close();
    expect(read("trace.json.0")).toHaveLength(4);
    expect(read("trace.json.1")).toHaveLength(2);
  });

  it("writes nothing where nothing was traced", () => {
    file.close();
    expect(readdirSync(folder)).toEqual([]);
  });
});
