import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type Adapter, AdapterSchema } from "@infaas/api";
import { Code, createLogger, systemClock } from "@infaas/runtime";
import { Cancellation } from "../serving/cancellation";
import { ADAPTED_WAITING_BYTES_MAX, ADAPTER_MEMORY_BYTES_MAX, Adapters } from "./adapters";

/** Compiles TypeScript where a process is started from sources. */
const hook = join(__dirname, "../../../metadata/src/testing/typescript.cjs");
const seven = readFileSync(join(__dirname, "../../../../zoo/examples/seven.png"));
const image = create(AdapterSchema, {
  kind: { case: "image", value: { width: 8, height: 8, channels: 1, layout: "NCHW", scale: 16 / 255 } },
});
/** Pictures of this adapter take long enough to be found under way. */
const large = create(AdapterSchema, {
  kind: { case: "image", value: { width: 1_024, height: 1_024, channels: 3, layout: "NCHW", scale: 1 } },
});

/** Processes that this one has started and that run: those of the thread that forks. */
function children(): number[] {
  const told = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8");
  return told.trim().split(" ").filter(Boolean).map(Number);
}

describe("Adapters", () => {
  let adapters: Adapters;
  let before: readonly number[];
  const own = () => children().filter((pid) => !before.includes(pid));
  const adapt = (adapter: Adapter, elements: readonly Uint8Array[], more: object = {}) =>
    adapters.adapt({
      adapter,
      datatype: "FP32",
      elements,
      timeoutMs: null,
      signal: new Cancellation(),
      ...more,
    });

  // One for all, since starting a process from sources takes seconds; the last test stops it.
  beforeAll(() => {
    before = children();
    const logger = createLogger({ service: "test", write: () => undefined });
    const memoryBytes = 4 * ADAPTER_MEMORY_BYTES_MAX;
    adapters = new Adapters({ clock: systemClock, logger, memoryBytes, execArgv: ["--require", hook] });
  });
  afterAll(() => adapters.stop());

  it("turns pictures into rows, in their order, in one process for all", async () => {
    const [one, three] = await Promise.all([adapt(image, [seven]), adapt(image, [seven, seven, seven])]);
    expect(one).toHaveLength(8 * 8 * 4);
    expect(Buffer.compare(Buffer.from(three), Buffer.concat([one, one, one]))).toBe(0);
    expect(own()).toHaveLength(1);
  });

  it("refuses what is no picture, and answers the next", async () => {
    await expect(adapt(image, [seven, Buffer.from("text")])).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringContaining("4 bytes that begin with 74657874 cannot be read as a picture"),
    });
    expect(await adapt(image, [seven])).toHaveLength(256);
  });

  it("refuses a picture that was alone at work when the process ended, and starts another", async () => {
    await adapt(image, [seven]);
    const [first] = own();
    const ending = adapt(large, [seven]).catch((fault) => fault);
    process.kill(first!, "SIGKILL");
    const fault = await ending;
    expect(fault.code).toBe(Code.INVALID_ARGUMENT);
    expect(fault.message).toContain(
      `${seven.byteLength} bytes could not be read: the process that read it ended with SIGKILL`,
    );
    expect(await adapt(image, [seven])).toHaveLength(256);
    expect(own()).not.toContain(first);
  });

  it("tries several again, one by one, when the process ended among them", async () => {
    await adapt(image, [seven]);
    const [first] = own();
    const all = [1, 2, 3].map(() => adapt(large, [seven]));
    process.kill(first!, "SIGKILL");
    const rows = await Promise.all(all);
    expect(rows.map(({ byteLength }) => byteLength)).toEqual([1, 2, 3].map(() => 1_024 * 1_024 * 3 * 4));
  });

  it("gives up what its caller cancelled, or what is late", async () => {
    const signal = new Cancellation();
    const cancelled = adapt(large, [seven], { signal });
    signal.abort();
    await expect(cancelled).rejects.toMatchObject({ code: Code.CANCELLED });
    await expect(adapt(large, [seven], { timeoutMs: 1 })).rejects.toMatchObject({
      code: Code.DEADLINE_EXCEEDED,
      message: "1 pictures or texts were not turned into tensors within 1 ms",
    });
  });

  it("refuses more bytes than may wait", async () => {
    const half = new Uint8Array(ADAPTED_WAITING_BYTES_MAX / 2 + 1);
    const first = adapt(image, [half]).catch((fault) => fault);
    await expect(adapt(image, [half])).rejects.toMatchObject({ code: Code.RESOURCE_EXHAUSTED });
    expect(await first).toMatchObject({ code: Code.INVALID_ARGUMENT });
  });

  it("refuses what is under way or comes once it is stopped, and starts no process any more", async () => {
    await adapt(image, [seven]);
    const all = Array.from({ length: 6 }, () => adapt(large, [seven]).catch((fault) => fault.code));
    adapters.stop();
    expect(await Promise.all(all)).toEqual(new Array(6).fill(Code.UNAVAILABLE));
    await expect(adapt(image, [seven])).rejects.toMatchObject({ code: Code.UNAVAILABLE });
    expect(own()).toEqual([]);
  });
});
