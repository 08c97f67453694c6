import { readFileSync } from "node:fs";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type Frame,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  type OutgoingFrame,
} from "@infaas/api";
import { Code, type FinishedSpan, Lifecycle } from "@infaas/runtime";
import { nativeEngines } from "../engines/native-engine";
import type { Instance } from "../instances/instance";
import { bareSpec } from "../testing/bare-spec";
import { serveOnLinks } from "../testing/served-on-links";
import { classesOf, digits, labelOf } from "../testing/zoo";

const examples = readFileSync(digits.inputsFile);
const variant = "digits-mlp-s";
const input = (rows: number) => ({ name: "image", datatype: "FP32", shape: [BigInt(rows), 1n, 8n, 8n] });

/** A request for `rows` examples from the `first` on. */
function request(first: number, rows: number, more: object = {}): Uint8Array {
  const raw = examples.subarray(first * digits.rowBytes, (first + rows) * digits.rowBytes);
  const init = { modelName: "digits", inputs: [input(rows)], rawInputContents: [raw], ...more };
  return toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, init));
}

const typedInput = (contents: object) => ({ ...input(1), contents });

/** A request for one row with typed contents. */
function typed(contents: object): Uint8Array {
  return request(0, 1, { inputs: [typedInput(contents)], rawInputContents: [] });
}

function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

function infer(id: number, body: Uint8Array, more: object = {}): OutgoingFrame {
  return { type: "infer", id, timeoutMs: 0, lane: 0, trace: null, variant, body, ...more };
}

function logits(frame: Frame): Uint8Array {
  const body = frame.type === "answer" ? frame.body : new Uint8Array();
  return fromBinary(ModelInferResponseSchema, body).rawOutputContents[0] ?? new Uint8Array();
}

describe("NativeLinks", () => {
  let life = new Lifecycle();
  beforeEach(() => {
    life = new Lifecycle();
  });
  afterEach(() => life.stop());

  async function setUp(limits: { inFlightMax?: number; queueRowsMax?: number; queueBytesMax?: number } = {}) {
    const recorded: FinishedSpan[] = [];
    const { executor, links, figures, open } = await serveOnLinks(life, {
      transport: "plain",
      engines: nativeEngines,
      modelFile: digits.model(variant),
      spec: bareSpec(variant, 16),
      queueRowsMax: limits.queueRowsMax ?? 64,
      queueBytesMax: limits.queueBytesMax ?? 1_048_576,
      inFlightMax: limits.inFlightMax ?? 4_096,
      onSpan: (span) => recorded.push(span),
    });
    const counted = () => new Map(figures.entries()).get(variant);
    return { open, executor, links, counted, recorded, figures };
  }

  it("answers as the labels say, each query by its id, with the times and the load", async () => {
    const { open, counted } = await setUp();
    const caller = open("plain");
    const ids = Array.from({ length: 40 }, (_, id) => id);
    caller.send(...ids.map((id) => infer(id, request(id, 1))));
    const answers = await Promise.all(ids.map((id) => caller.answerTo(id)));
    expect(answers.flatMap((answer) => classesOf(logits(answer), 10))).toEqual(ids.map(labelOf));
    expect(answers[0]).toMatchObject({
      type: "answer",
      queueMs: expect.any(Number),
      executorMs: expect.any(Number),
      load: { memoryFreeBytes: 99 },
    });
    expect(counted()).toMatchObject({ servedRows: 40, refused: 0 });
  });

  it("answers queries of several rows, and only the outputs asked for", async () => {
    const { open } = await setUp();
    const caller = open("plain");
    caller.send(infer(1, request(3, 5, { outputs: [{ name: "logits" }] })));
    const answer = await caller.answerTo(1);
    expect(classesOf(logits(answer), 10)).toEqual([3, 4, 5, 6, 7].map(labelOf));
  });

  it("gives the same answer as a link inside gRPC, byte by byte, also beside it in one batch", async () => {
    const { open, counted } = await setUp();
    const callers = [open("plain"), open("grpc")] as const;
    for (const caller of callers) {
      for (let id = 0; id < 20; id += 1) caller.send(infer(id, request(id, 1 + (id % 3))));
    }
    for (let id = 0; id < 20; id += 1) {
      const [plain, grpc] = await Promise.all([callers[0].answerTo(id), callers[1].answerTo(id)]);
      const bodies = [plain, grpc].map((frame) => (frame.type === "answer" ? Buffer.from(frame.body) : null));
      expect(bodies[0]).toEqual(bodies[1]);
      expect(bodies[0]).not.toBeNull();
    }
    expect(counted()?.servedRows).toBe(2 * 39);
  });

  it.each<[string, Uint8Array, object]>([
    ["another datatype", request(0, 1, { inputs: [{ ...input(1), datatype: "INT8" }] }), {}],
    ["another shape", request(0, 1, { inputs: [{ ...input(1), shape: [1n, 64n] }] }), {}],
    ["another name", request(0, 1, { inputs: [{ ...input(1), name: "z" }] }), {}],
    ["too few bytes", request(0, 1, { rawInputContents: [new Uint8Array(3)] }), {}],
    ["too few typed numbers", typed({ fp32Contents: [1, 2, 3] }), {}],
    ["typed numbers of another type", typed({ fp64Contents: [1, 2, 3] }), {}],
    ["raw contents beside typed ones", request(0, 1, { inputs: [typedInput({ fp32Contents: [1] })] }), {}],
    ["no input", request(0, 1, { inputs: [], rawInputContents: [] }), {}],
    ["an unknown output", request(0, 1, { outputs: [{ name: "q" }] }), {}],
    ["bytes that are no request", new Uint8Array([0xff, 0xff]), {}],
    ["an unknown variant", request(0, 1), { variant: "other" }],
    ["too little time", request(0, 1), { timeoutMs: 0.001 }],
  ])("refuses %s in the words of a link inside gRPC", async (_, body, more) => {
    const { open, counted } = await setUp();
    const callers = [open("plain"), open("grpc")] as const;
    for (const caller of callers) caller.send(infer(1, body, more));
    const [plain, grpc] = await Promise.all(callers.map((caller) => caller.answerTo(1)));
    const told = (frame: Frame | undefined) =>
      frame?.type === "refusal" ? [frame.code, frame.message.replace(/\d+\.\d ms$/, "… ms")] : frame;
    expect(told(plain)).toEqual(told(grpc));
    expect(plain?.type).toBe("refusal");
    expect(counted()?.refused ?? 0).toBe("variant" in more ? 0 : 2);
  });

  it("refuses what has no room in the queue in the words of a link inside gRPC", async () => {
    const { open } = await setUp({ queueRowsMax: 2 });
    const callers = [open("plain"), open("grpc")] as const;
    for (const caller of callers) caller.send(infer(1, request(0, 3)));
    const [plain, grpc] = await Promise.all(callers.map((caller) => caller.answerTo(1)));
    expect(plain).toMatchObject({ type: "refusal", code: Code.RESOURCE_EXHAUSTED });
    expect(plain?.type === "refusal" && plain.message).toBe(grpc?.type === "refusal" && grpc.message);
  });

  it("refuses a request of more things than any model has, before it is remembered", async () => {
    const { open } = await setUp();
    const caller = open("plain");
    caller.send(infer(1, Buffer.from("2a00".repeat(2_000), "hex")));
    expect(await caller.answerTo(1)).toMatchObject({ type: "refusal", code: Code.INVALID_ARGUMENT });
  });

  it("runs typed contents without JavaScript, more of them than that would decode", async () => {
    const { open, executor } = await setUp({ queueBytesMax: 8_000_000 });
    const submit = jest.spyOn(executor.instance(variant) as Instance, "submit");
    const caller = open("plain");
    const rows = 1_048_576 / 64 + 1;
    const pixels = Array.from(floatsOf(examples.subarray(0, digits.rowBytes)));
    const fp32Contents = Array.from({ length: rows }, () => pixels).flat();
    const inputs = [{ ...input(rows), contents: { fp32Contents } }];
    caller.send(infer(1, request(0, 1, { inputs, rawInputContents: [] })));
    const classes = classesOf(logits(await caller.answerTo(1)), 10);
    expect(classes).toEqual(Array.from({ length: rows }, () => labelOf(0)));
    expect(submit).not.toHaveBeenCalled();
  });

  it("runs a sampled query without JavaScript, and makes its spans of the times that its answer tells", async () => {
    const { open, executor, figures, recorded } = await setUp();
    const submit = jest.spyOn(executor.instance(variant) as Instance, "submit");
    const caller = open("plain");
    const trace = { traceId: "1f".repeat(16), spanId: "a2".repeat(8), sampled: true };
    caller.send(infer(1, request(0, 1)), infer(2, request(0, 2), { trace }));
    const [, answer] = await Promise.all([caller.answerTo(1), caller.answerTo(2)]);
    figures.collect();
    expect(submit).not.toHaveBeenCalled();
    const [execute, ...stages] = recorded;
    expect(execute).toMatchObject({ name: "execute", parentSpanId: trace.spanId });
    expect(execute?.context.traceId).toBe(trace.traceId);
    expect(execute?.attributes).toMatchObject({ "infaas.variant": variant, "infaas.rows": 2 });
    expect(stages.map(({ name }) => name)).toEqual(["batch", "queue", "gather", "run", "scatter"]);
    const lengthOf = (name: string) => {
      const span = recorded.find((one) => one.name === name);
      return (span?.endEpochMs ?? Number.NaN) - (span?.startEpochMs ?? Number.NaN);
    };
    expect(answer?.type).toBe("answer");
    if (answer?.type !== "answer") return;
    expect(lengthOf("execute")).toBeCloseTo(answer.executorMs, 2);
    expect(lengthOf("queue")).toBeCloseTo(answer.queueMs, 2);
    expect(lengthOf("run")).toBeCloseTo(answer.runMs, 2);
  });

  it("bounds what is in flight and says by how much it is exceeded", async () => {
    const { open } = await setUp({ inFlightMax: 2 });
    const caller = open("plain");
    const ids = Array.from({ length: 64 }, (_, id) => id);
    caller.send(...ids.map((id) => infer(id, request(0, 1))));
    const answers = await Promise.all(ids.map((id) => caller.answerTo(id)));
    const refusals = answers.filter(({ type }) => type === "refusal");
    expect(answers.slice(0, 2).map(({ type }) => type)).toEqual(["answer", "answer"]);
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        code: Code.RESOURCE_EXHAUSTED,
        message: expect.stringMatching(/^this link has [012] queries in flight, allowed are 2$/),
      });
    }
  });

  it("forgets cancelled queries and those of a connection that has gone, and answers the others", async () => {
    const { open, links, executor } = await setUp();
    const [caller, other] = [open("plain"), open("plain")];
    const ids = Array.from({ length: 30 }, (_, id) => id + 1);
    for (const id of ids) caller.send(infer(id, request(id, 1)), { type: "cancel", id });
    other.send(...ids.map((id) => infer(id, request(id, 1))));
    await Promise.all(ids.map((id) => other.answerTo(id)));
    other.send(...ids.map((id) => infer(id, request(id, 1))));
    other.close();
    await other.until(() => other.ended);
    caller.send(infer(100, request(0, 1)));
    expect(await caller.answerTo(100)).toMatchObject({ type: "answer" });
    await executor.instance(variant)?.drain();
    expect(links.inFlight).toBe(0);
  });

  it("answers what is in flight before an instance goes, and leaves the rest to JavaScript's refusal", async () => {
    const { open, executor } = await setUp();
    const caller = open("plain");
    const ids = Array.from({ length: 50 }, (_, id) => id);
    caller.send(...ids.map((id) => infer(id, request(id, 1))));
    await caller.answerTo(0);
    const gone = executor.instance(variant)?.drain();
    caller.send(...ids.map((id) => infer(1_000 + id, request(id, 1))));
    const first = await Promise.all(ids.map((id) => caller.answerTo(id)));
    const late = await Promise.all(ids.map((id) => caller.answerTo(1_000 + id)));
    await gone;
    const classes = first.flatMap((frame) => (frame.type === "answer" ? classesOf(logits(frame), 10) : []));
    expect(classes).toEqual(ids.flatMap((id) => (first[id]?.type === "answer" ? [labelOf(id)] : [])));
    for (const frame of [...first, ...late]) {
      if (frame.type === "refusal") expect(frame.code).toBe(Code.UNAVAILABLE);
    }
    expect(late.at(-1)).toMatchObject({ type: "refusal", code: Code.UNAVAILABLE });
  });

  it("counts a query of a link as use of its instance", async () => {
    const { open, executor } = await setUp();
    const instance = executor.instance(variant);
    const before = instance?.usedAtMs ?? 0;
    const caller = open("plain");
    caller.send(infer(1, request(0, 1)));
    await caller.answerTo(1);
    expect(instance?.usedAtMs).toBeGreaterThan(before);
    expect(instance?.inFlight).toBe(0);
  });

  it("announces a drain on every link, also on those opened later", async () => {
    const { open, links } = await setUp();
    const caller = open("plain");
    await caller.until(() => caller.greeted);
    links.announceDraining();
    await caller.until(() => caller.received.some(({ type }) => type === "draining"));
    const late = open("plain");
    await late.until(() => late.received.some(({ type }) => type === "draining"));
  });
});
