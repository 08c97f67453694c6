import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  answerBytesMax,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  type OutgoingFrame,
  placementToParameters,
} from "@infaas/api";
import { Code, Lifecycle, SharedMemoryFile, systemRandom } from "@infaas/runtime";
import { bareSpec } from "../testing/bare-spec";
import { MemoryEngines } from "../testing/memory-engine";
import { serveOnLinks, transports } from "../testing/served-on-links";

const columns = 4;
/** An input that begins so is answered with more than a link takes. */
const growing = 255;
const reversed = {
  inputs: [{ name: "x", datatype: "UINT8", dims: [-1, columns] }],
  outputs: [{ name: "y", datatype: "UINT8", dims: [-1, columns] }],
  batchable: true,
  run: (inputs: readonly Uint8Array[]) =>
    inputs.map((input) =>
      input[0] === growing ? new Uint8Array(answerBytesMax + columns) : Uint8Array.from(input).reverse(),
    ),
};
const spec = bareSpec("reverser", 8);

function request(rows: number, more: object = {}): Uint8Array {
  const data = Uint8Array.from({ length: rows * columns }, (_, i) => i + 1);
  return toBinary(
    ModelInferRequestSchema,
    create(ModelInferRequestSchema, {
      modelName: "digits",
      inputs: [{ name: "x", datatype: "UINT8", shape: [BigInt(rows), BigInt(columns)] }],
      rawInputContents: [data],
      ...more,
    }),
  );
}

function infer(
  id: number,
  body: Uint8Array,
  more: { variant?: string; sampled?: boolean } = {},
): OutgoingFrame {
  const trace = more.sampled
    ? { traceId: "0".repeat(31).concat("1"), spanId: "00000000000000ff", sampled: true }
    : null;
  return { type: "infer", id, timeoutMs: 0, lane: 0, trace, variant: more.variant ?? "reverser", body };
}

/**
 * The same rules hold on both; here the engines are such that plain links leave every query to JavaScript.
 */
describe.each(transports)("Link (%s)", (transport) => {
  let life = new Lifecycle();
  beforeEach(() => {
    life = new Lifecycle();
  });
  afterEach(() => life.stop());

  async function setUp(inFlightMax = 4) {
    const engines = new MemoryEngines(reversed);
    const recorded: string[] = [];
    const served = await serveOnLinks(life, {
      transport,
      engines,
      modelFile: "/model",
      spec,
      queueRowsMax: 16,
      queueBytesMax: 1024,
      inFlightMax,
      onSpan: (span) => recorded.push(`${span.name} under ${span.parentSpanId}`),
    });
    const engine = engines.opened[0];
    if (engine === undefined) throw new Error("no engine was opened");
    return { ...served, engine, recorded };
  }

  it("answers with the outputs of the model and what the load is", async () => {
    const { caller, engine } = await setUp();
    caller.send(infer(7, request(1)));
    const answer = await caller.answerTo(7);
    expect(answer).toMatchObject({
      type: "answer",
      batchSize: 1,
      load: { memoryFreeBytes: 99, instanceQueuedRows: 0 },
    });
    const response = fromBinary(
      ModelInferResponseSchema,
      answer.type === "answer" ? answer.body : new Uint8Array(),
    );
    expect(response.outputs[0]).toMatchObject({ name: "y", datatype: "UINT8", shape: [1n, 4n] });
    expect([...(response.rawOutputContents[0] ?? [])]).toEqual([4, 3, 2, 1]);
    expect(engine.lent).toBe(0);
  });

  it("refuses an answer that is larger than a link takes, and serves the next", async () => {
    const { caller, engine } = await setUp();
    caller.send(infer(1, request(1, { rawInputContents: [Uint8Array.of(growing, 0, 0, 0)] })));
    expect(await caller.answerTo(1)).toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      message: expect.stringMatching(new RegExp(`^answer of \\d+ bytes, allowed are ${answerBytesMax}$`)),
    });
    caller.send(infer(2, request(1)));
    expect(await caller.answerTo(2)).toMatchObject({ type: "answer" });
    expect(engine.lent).toBe(0);
  });

  describe("when tensors lie in shared memory", () => {
    const name = `infaas-link-${systemRandom.hex(8)}`;
    const path = join("/dev/shm", name);
    const place = (offset: number, byteSize: number) => {
      const file = SharedMemoryFile.open(name);
      file.close();
      return placementToParameters({ key: name, identity: file.identity, offset, byteSize });
    };
    const placedRequest = (output: ReturnType<typeof place>) =>
      request(2, {
        inputs: [{ name: "x", datatype: "UINT8", shape: [2n, 4n], parameters: place(8, 8) }],
        outputs: [{ name: "y", parameters: output }],
        rawInputContents: [],
      });
    beforeEach(() => writeFileSync(path, Buffer.from([...Array(8).fill(0), 1, 2, 3, 4, 5, 6, 7, 8])));
    afterEach(() => rmSync(path, { force: true }));

    it("reads the input there and writes the output there, leaving an empty raw entry", async () => {
      const { caller, engine } = await setUp();
      caller.send(infer(1, placedRequest(place(0, 8))));
      const answer = await caller.answerTo(1);
      if (answer.type !== "answer") throw new Error(`is a ${answer.type}`);
      const response = fromBinary(ModelInferResponseSchema, answer.body);
      expect(response.outputs[0]).toMatchObject({ name: "y", shape: [2n, 4n] });
      expect(response.rawOutputContents.map((raw) => raw.byteLength)).toEqual([0]);
      expect([...readFileSync(path).subarray(0, 8)]).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
      expect(engine.lent).toBe(0);
    });

    it("refuses an output that is larger than its place, and gives back what the engine lent", async () => {
      const { caller, engine } = await setUp();
      caller.send(infer(1, placedRequest(place(0, 7))));
      expect(await caller.answerTo(1)).toMatchObject({
        code: Code.INVALID_ARGUMENT,
        message: expect.stringContaining("(7 bytes) should be at least 8 bytes to hold the results"),
      });
      expect(engine.lent).toBe(0);
    });

    it("refuses what would take longer to copy than a message, before it is touched", async () => {
      truncateSync(path, 2 ** 30);
      const { caller } = await setUp();
      for (let id = 1; id <= 12; id++) {
        const inputs = [
          { name: "x", datatype: "UINT8", shape: [2n ** 28n, 4n], parameters: place(0, 2 ** 30) },
        ];
        caller.send(infer(id, request(1, { inputs, rawInputContents: [] })));
        expect(await caller.answerTo(id)).toMatchObject({
          code: Code.INVALID_ARGUMENT,
          message: "inputs take 1073741824 bytes out of shared memory, allowed are 67108864",
        });
      }
      caller.send(infer(13, placedRequest(place(0, 8))));
      expect(await caller.answerTo(13)).toMatchObject({ type: "answer" });
    });

    it("refuses an input whose memory has shrunk, vanished or was made anew, and goes on", async () => {
      const { caller } = await setUp();
      const body = placedRequest(place(0, 8));
      const refusalOf = async (id: number) => {
        caller.send(infer(id, body));
        const frame = await caller.answerTo(id);
        return frame.type === "refusal" ? `${frame.code} ${frame.message}` : frame.type;
      };
      truncateSync(path, 10);
      expect(await refusalOf(1)).toContain("3 input x: shared memory");
      rmSync(path);
      expect(await refusalOf(2)).toContain("unable to open shared memory region");
      writeFileSync(path, Buffer.alloc(16));
      expect(await refusalOf(3)).toContain("is not what was registered");
      caller.send(infer(4, request(1)));
      expect(await caller.answerTo(4)).toMatchObject({ type: "answer" });
    });
  });

  it("greets a new link without waiting for a query", async () => {
    const { caller } = await setUp();
    await caller.until(() => caller.greeted);
    expect(caller.received).toEqual([]);
  });

  it("answers many queries of one message, each by its id", async () => {
    const { caller } = await setUp();
    caller.send(infer(1, request(1)), infer(2, request(2)), infer(3, request(3)));
    const rows = await Promise.all([1, 2, 3].map((id) => caller.answerTo(id)));
    expect(rows.map((frame) => frame.type === "answer" && frame.batchSize)).toEqual([1, 2, 3]);
  });

  it.each<[string, Uint8Array, string]>([
    [
      "another datatype",
      request(1, { inputs: [{ name: "x", datatype: "FP32", shape: [1n, 4n] }] }),
      "input x: datatype is FP32, the model takes UINT8",
    ],
    [
      "another shape",
      request(1, { inputs: [{ name: "x", datatype: "UINT8", shape: [4n] }] }),
      "input x: shape is [4], the model takes [-1, 4]",
    ],
    [
      "another name",
      request(1, { inputs: [{ name: "z", datatype: "UINT8", shape: [1n, 4n] }] }),
      "input x is missing, sent were: z",
    ],
    ["too few bytes", request(1, { rawInputContents: [new Uint8Array(3)] }), "3 bytes were sent"],
    ["no input", request(1, { inputs: [], rawInputContents: [] }), "0 inputs were sent, the model has 1: x"],
    ["an unknown output", request(1, { outputs: [{ name: "q" }] }), "output q is unknown, the model has y"],
    [
      "bytes that are no request",
      new Uint8Array([0xff, 0xff, 0xff]),
      "request is not a readable inference.ModelInferRequest",
    ],
  ])("refuses %s with INVALID_ARGUMENT and both numbers", async (_, body, message) => {
    const { caller } = await setUp();
    caller.send(infer(1, body));
    const refusal = await caller.answerTo(1);
    expect(refusal).toMatchObject({ type: "refusal", code: Code.INVALID_ARGUMENT });
    expect(refusal.type === "refusal" && refusal.message).toContain(message);
  });

  it("takes typed contents", async () => {
    const { caller } = await setUp();
    const inputs = [
      { name: "x", datatype: "UINT8", shape: [1n, 4n], contents: { uintContents: [9, 8, 7, 6] } },
    ];
    caller.send(infer(1, request(1, { inputs, rawInputContents: [] })));
    const answer = await caller.answerTo(1);
    const response = fromBinary(
      ModelInferResponseSchema,
      answer.type === "answer" ? answer.body : new Uint8Array(),
    );
    expect([...(response.rawOutputContents[0] ?? [])]).toEqual([6, 7, 8, 9]);
  });

  it("refuses an instance it does not have with UNAVAILABLE", async () => {
    const { caller } = await setUp();
    caller.send(infer(1, request(1), { variant: "other" }));
    expect(await caller.answerTo(1)).toMatchObject({
      code: Code.UNAVAILABLE,
      message: "executor exec-1 has no instance of other",
    });
  });

  it("forgets a cancelled query and answers the others", async () => {
    const { caller, engine, executor } = await setUp();
    engine.hold();
    caller.send(infer(1, request(1)), infer(2, request(1)));
    caller.send({ type: "cancel", id: 1 }, infer(3, request(1), { variant: "other" }));
    await caller.answerTo(3);
    expect(engine.queuedRows).toBe(1);
    engine.resume();
    await caller.answerTo(2);
    expect(caller.received.map((frame) => frame.id)).toEqual([3, 2]);
    expect(executor.instance("reverser")?.inFlight).toBe(0);
  });

  it("cancels everything when the frontend goes away", async () => {
    const { caller, engine, links, open } = await setUp();
    engine.hold();
    caller.send(infer(1, request(1)), infer(2, request(1), { variant: "other" }));
    await caller.answerTo(2);
    expect(links.inFlight).toBe(1);
    caller.close();
    await caller.until(() => caller.ended);
    const other = open();
    other.send(infer(1, request(1), { variant: "other" }));
    await other.answerTo(1);
    expect(engine.queuedRows).toBe(0);
    expect(links.inFlight).toBe(0);
  });

  it("bounds what is in flight and says by how much it is exceeded", async () => {
    const { caller, engine } = await setUp(2);
    engine.hold();
    caller.send(infer(1, request(1)), infer(2, request(1)), infer(3, request(1)));
    expect(await caller.answerTo(3)).toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      retryAfterMs: 2,
      message: "this link has 2 queries in flight, allowed are 2",
    });
    engine.resume();
  });

  it("refuses at once when the instance's queue is full", async () => {
    const { caller, engine } = await setUp(8);
    engine.hold();
    caller.send(infer(1, request(8)), infer(2, request(8)), infer(3, request(1)));
    expect(await caller.answerTo(3)).toMatchObject({ code: Code.RESOURCE_EXHAUSTED, retryAfterMs: 16 });
    engine.resume();
  });

  it("announces a drain on every link, also on those opened later", async () => {
    const { caller, links, open } = await setUp();
    caller.send(infer(1, request(1)));
    await caller.answerTo(1);
    links.announceDraining();
    await caller.until(() => caller.received.some((frame) => frame.type === "draining"));
    const late = open();
    await late.until(() => late.received.some((frame) => frame.type === "draining"));
  });

  it("cuts a link that sends garbage, and goes on serving the others", async () => {
    const { caller, open } = await setUp();
    const other = open();
    caller.sendBytes(new Uint8Array(12).fill(0xff));
    await caller.until(() => caller.ended);
    other.send(infer(1, request(1)));
    expect(await other.answerTo(1)).toMatchObject({ type: "answer" });
  });

  it("cuts a link that uses an id twice at once", async () => {
    const { caller, engine } = await setUp();
    engine.hold();
    caller.send(infer(1, request(1)), infer(1, request(1)));
    await caller.until(() => caller.ended);
    expect(engine.queuedRows).toBe(0);
  });

  it("records the stages of sampled queries only, under the caller's span", async () => {
    const { caller, recorded } = await setUp();
    caller.send(infer(1, request(1)), infer(2, request(1), { sampled: true }));
    await Promise.all([caller.answerTo(1), caller.answerTo(2)]);
    const names = ["execute", "batch", "queue", "gather", "run", "scatter"];
    expect(recorded).toEqual(names.map((name) => `${name} under 00000000000000ff`));
  });

  it("counts rows answered and queries refused", async () => {
    const { caller, figures } = await setUp();
    caller.send(infer(1, request(3)), infer(2, request(1, { outputs: [{ name: "q" }] })));
    await Promise.all([caller.answerTo(1), caller.answerTo(2)]);
    const [, counted] = [...figures.entries()][0] ?? [];
    expect(counted).toMatchObject({ servedRows: 3, refused: 1 });
  });
});
