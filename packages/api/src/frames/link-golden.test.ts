import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema } from "../gen/inference/grpc_service_pb";
import { encodeFrame } from "./encode-frame";
import { type AnswerOutput, encodeAnswerBody } from "./infer-answer";
import { type ParameterValue, scanInferRequest } from "./infer-scan";
import type { Frame } from "./link-frame";

/**
 * What this codec writes and reads, line by line, for the one in C++: native/wire/test/golden_test.cc must
 * read and write the same. `WRITE_GOLDEN=1 npx jest link-golden` writes the file anew after a change of the
 * wire.
 */
const path = join(__dirname, "../../../../native/wire/test/golden.txt");

const load = { drainMs: 2.5, executorUtilisation: 0.25, memoryFreeBytes: 2 ** 40, instanceQueuedRows: 17 };
const trace = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  sampled: true,
} as const;
const times = { queueMs: 0.5, gatherMs: 0.125, runMs: 3, scatterMs: 0.0625, executorMs: 4.25 };
const frames: readonly Frame[] = [
  {
    type: "infer",
    id: 1,
    timeoutMs: 0,
    lane: 0,
    trace: null,
    variant: "mlp@1",
    body: Buffer.from("abc"),
  },
  {
    type: "infer",
    id: 0xffff_ffff,
    timeoutMs: 12.5,
    lane: 2,
    trace,
    variant: "größe-é",
    body: Buffer.alloc(0),
  },
  { type: "infer", id: 2, timeoutMs: 1e6, lane: 255, trace: null, variant: "", body: Buffer.alloc(300, 7) },
  { type: "answer", id: 3, ...times, batchSize: 8, load, body: Buffer.from([0, 255, 1]) },
  { type: "refusal", id: 4, code: 8, retryAfterMs: 2.5, load, message: "queue of 8 is full" },
  { type: "refusal", id: 5, code: 13, retryAfterMs: 0, load, message: "réq" },
  { type: "cancel", id: 77 },
  { type: "draining", id: 0 },
  { type: "greeting", id: 0 },
  { type: "credential", id: 0, credential: "Bearer abc" },
];

const answers: readonly (readonly AnswerOutput[])[] = [
  [{ name: "y", datatype: "FP32", shape: [1, 10], bytes: Buffer.alloc(40, 9) }],
  [
    { name: "scores", datatype: "FP32", shape: [2, 1250], bytes: Buffer.alloc(200, 3) },
    { name: "größe", datatype: "INT64", shape: [], bytes: Buffer.alloc(8, 1) },
    { name: "", datatype: "UINT8", shape: [0], bytes: Buffer.alloc(0) },
    { name: "n".repeat(200), datatype: "BOOL", shape: [1, 2 ** 40, 127, 128], bytes: Buffer.alloc(1) },
  ],
  [],
];

type Init = MessageInitShape<typeof ModelInferRequestSchema>;
const requests: readonly Init[] = [
  {},
  {
    modelName: "mlp",
    modelVersion: "1",
    id: "q-7",
    parameters: {
      latency_ms: { parameterChoice: { case: "doubleParam", value: 12.5 } },
      lane: { parameterChoice: { case: "int64Param", value: 2n } },
      big: { parameterChoice: { case: "int64Param", value: (1n << 53n) - 1n } },
      priority: { parameterChoice: { case: "uint64Param", value: 1n } },
      text: { parameterChoice: { case: "stringParam", value: "a b" } },
      flag: { parameterChoice: { case: "boolParam", value: true } },
    },
    inputs: [
      { name: "x", datatype: "FP32", shape: [1n, 3n, 224n, 224n] },
      { name: "mask", datatype: "BOOL", shape: [] },
    ],
    outputs: [{ name: "y" }, { name: "z" }],
    rawInputContents: [new Uint8Array(20).fill(1), new Uint8Array(1)],
  },
  { inputs: [{ name: "x", datatype: "FP32", shape: [1n], contents: { fp32Contents: [1] } }] },
  { modelName: "modèle" },
  { inputs: [{ name: "x", shape: [-1n] }] },
  { parameters: { p: { parameterChoice: { case: "int64Param", value: -5n } } } },
  { parameters: { p: { parameterChoice: { case: "int64Param", value: 1n << 53n } } } },
  { parameters: { p: { parameterChoice: { case: "uint64Param", value: 1n } } } },
  { parameters: { p: {} } },
  { outputs: [{ parameters: { classification: { parameterChoice: { case: "int64Param", value: 3n } } } }] },
];
/** Bytes no encoder makes. */
const crafted: readonly string[] = [
  "8a0001610a0162", // an overlong tag, and a name given twice
  "0a81000161", // a length larger than what follows, written long
  "0affffffffffffffffffff01",
  `0a${"80".repeat(150)}00`, // a varint of 151 bytes
  "a20600", // field 100, empty
  "a006ffffffffffffffffff01", // field 100, a varint of ten bytes
  "a106000102030405060708", // more than its eight bytes: the rest is a broken tag
  "a50600010203",
  "a306a406", // a group
  "00",
  "2a021801", // a dimension that is not packed
  "2a041a020105", // packed ones
  "2a041a0280", // packed, cut off
  "220a0a0161120512013112013222", // trailing
  "22080a0161120208011200", // a value given twice
  "3a0101", // raw before anything else
];

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const encoded = (init: Init) => toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, init));

function describeFrame(f: Frame): string {
  const told = (l: typeof load) =>
    `${l.drainMs} ${l.executorUtilisation} ${l.memoryFreeBytes} ${l.instanceQueuedRows}`;
  switch (f.type) {
    case "infer": {
      const ids = f.trace === null ? "-" : `${f.trace.traceId}:${f.trace.spanId}`;
      return `infer ${f.id} ${f.timeoutMs} ${f.lane} ${ids} [${f.variant}] ${hex(f.body)}`;
    }
    case "answer":
      return `answer ${f.id} ${f.queueMs} ${f.gatherMs} ${f.runMs} ${f.scatterMs} ${f.executorMs} ${f.batchSize} ${told(f.load as typeof load)} ${hex(f.body)}`;
    case "refusal":
      return `refusal ${f.id} ${f.code} ${f.retryAfterMs} ${told(f.load as typeof load)} [${f.message}]`;
    case "credential":
      return `credential ${f.id} [${f.credential}]`;
    default:
      return `${f.type} ${f.id}`;
  }
}

function describeParameter([key, value]: readonly [string, ParameterValue]): string {
  return `${key}=${value}`;
}

function describeScan(bytes: Uint8Array): string {
  const scan = scanInferRequest(bytes);
  if (!scan.ok) return "odd";
  const { modelName, modelVersion, id, parameters, inputs, requestedOutputs, rawInputs } = scan.head;
  const told = inputs.map(
    (i) => `${i.name}:${i.datatype}:${i.shape.join(",")}:${i.contents ? "typed" : "raw"}`,
  );
  const raw = rawInputs.map(({ offset, length }) => `${offset}+${length}`);
  return [
    [modelName, modelVersion, id].join("/"),
    [...parameters].map(describeParameter).join(" "),
    told.join(" "),
    requestedOutputs.join(" "),
    raw.join(" "),
  ].join("|");
}

/** The verdict on each of many messages as one letter: y for accepted, n for odd. */
function verdicts(messages: readonly Uint8Array[]): string {
  return messages.map((message) => (scanInferRequest(message).ok ? "y" : "n")).join("");
}

function golden(): string {
  const messages = [...requests.map(encoded), ...crafted.map((text) => Buffer.from(text, "hex"))];
  const lines = [
    ...frames.map((f) => `frame\t${hex(Buffer.concat(encodeFrame(f)))}\t${describeFrame(f)}`),
    ...answers.map((outputs) => {
      const told = outputs.map((o) => `${o.name}:${o.datatype}:${o.shape.join(",")}:${hex(o.bytes)}`);
      return `answer\t${hex(Buffer.concat(encodeAnswerBody(outputs)))}\t${told.join(";")}`;
    }),
    ...messages.map((m) => `scan\t${hex(m)}\t${describeScan(m)}`),
    ...messages.map((m) => `cut\t${hex(m)}\t${verdicts(Array.from(m, (_, at) => m.subarray(0, at)))}`),
    ...[0x01, 0x04, 0x7f, 0x80, 0xff].flatMap((mask) =>
      messages.slice(0, 3).map((m) => {
        const flipped = Array.from(m, (_, at) => m.map((byte, i) => (i === at ? byte ^ mask : byte)));
        return `flip ${mask}\t${hex(m)}\t${verdicts(flipped)}`;
      }),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

describe("the golden bytes of the link", () => {
  it("are what this codec says", () => {
    const now = golden();
    if (process.env.WRITE_GOLDEN === "1") writeFileSync(path, now);
    expect(readFileSync(path, "utf8")).toBe(now);
  });
});
