import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { LinkRequestSchema } from "../gen/infaas/v1/execution_pb";
import { encodeFrame, linkMessage } from "./encode-frame";
import { FrameReader } from "./frame-reader";
import type { Frame } from "./link-frame";

const id = fc.integer({ min: 0, max: 0xffff_ffff });
const number = fc.double({ noNaN: true });
const bytes = fc.uint8Array({ maxLength: 400 }).map((b) => Buffer.from(b));
const hex = (digits: number) =>
  fc.uint8Array({ minLength: digits / 2, maxLength: digits / 2 }).map((b) => Buffer.from(b).toString("hex"));
const load = fc.record({
  drainMs: number,
  executorUtilisation: number,
  memoryFreeBytes: number,
  instanceQueuedRows: fc.nat(),
});
const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constant("infer" as const),
    id,
    timeoutMs: number,
    lane: fc.integer({ min: 0, max: 255 }),
    trace: fc.option(fc.record({ traceId: hex(32), spanId: hex(16), sampled: fc.constant(true) })),
    variant: fc.string({ maxLength: 80, unit: "grapheme" }),
    body: bytes,
  }),
  fc.record({
    type: fc.constant("answer" as const),
    id,
    queueMs: number,
    gatherMs: number,
    runMs: number,
    scatterMs: number,
    executorMs: number,
    batchSize: fc.nat(),
    load,
    body: bytes,
  }),
  fc.record({
    type: fc.constant("refusal" as const),
    id,
    code: fc.integer({ min: 0, max: 16 }),
    retryAfterMs: number,
    load,
    message: fc.string({ unit: "grapheme" }),
  }),
  fc.record({ type: fc.constant("cancel" as const), id }),
  fc.constant({ type: "draining" as const, id: 0 as const }),
  fc.constant({ type: "greeting" as const, id: 0 as const }),
  fc.record({
    type: fc.constant("credential" as const),
    id: fc.constant(0 as const),
    credential: fc.string({ unit: "grapheme" }),
  }),
);

/** The bytes of a message made of parts, as grpc-js would send them. */
function sent(parts: readonly Uint8Array[]): Buffer {
  const message = linkMessage(parts);
  const target = Buffer.alloc(message.byteLength + 3);
  expect(message.copy(target, 3)).toBe(message.byteLength);
  return target.subarray(3);
}

function readAll(reader: FrameReader, messages: readonly Uint8Array[]): Frame[] {
  return messages.flatMap((message) => {
    const read = reader.push(message);
    if (!read.ok) throw new Error(read.fault);
    return [...read.frames];
  });
}

describe("FrameReader", () => {
  it("gives back every frame, however the bytes were cut into messages", () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (frames, cuts) => {
          const stream = Buffer.concat(frames.flatMap((frame) => encodeFrame(frame)));
          const edges = [
            0,
            ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b),
            stream.length,
          ];
          const messages = edges.slice(1).map((edge, i) => sent([stream.subarray(edges[i], edge)]));
          expect(readAll(new FrameReader(), messages)).toEqual(frames);
        },
      ),
      { numRuns: 500, seed: 7 },
    );
  });

  it("reads a frame that arrives byte by byte", () => {
    const frame: Frame = {
      type: "infer",
      id: 9,
      timeoutMs: 12.5,
      lane: 1,
      trace: null,
      variant: "r50-trt",
      body: Buffer.alloc(300, 5),
    };
    const stream = Buffer.concat(encodeFrame(frame));
    const messages = Array.from(stream, (_, i) => sent([stream.subarray(i, i + 1)]));
    expect(readAll(new FrameReader(), messages)).toEqual([frame]);
  });

  it("reads the same frames off a plain connection, without messages around them", () => {
    const frames: Frame[] = [
      { type: "greeting", id: 0 },
      { type: "cancel", id: 4 },
    ];
    const stream = Buffer.concat(frames.flatMap((frame) => encodeFrame(frame)));
    const reader = new FrameReader();
    const reads = Array.from(stream, (_, i) => reader.pushPlain(stream.subarray(i, i + 1)));
    expect(reads.flatMap((read) => (read.ok ? read.frames : []))).toEqual(frames);
  });

  it("hands out bodies as views of the message", () => {
    const message = sent(
      encodeFrame({
        type: "infer",
        id: 1,
        timeoutMs: 0,
        lane: 0,
        trace: null,
        variant: "v",
        body: Buffer.alloc(64),
      }),
    );
    const [frame] = readAll(new FrameReader(), [message]);
    expect(frame?.type === "infer" && frame.body.buffer === message.buffer).toBe(true);
  });

  it("sends the body of an answer in parts without joining them", () => {
    const parts = [Buffer.from("ab"), Buffer.from("cde")];
    const answer = {
      type: "answer" as const,
      id: 3,
      queueMs: 1,
      gatherMs: 2,
      runMs: 3,
      scatterMs: 4,
      executorMs: 10,
      batchSize: 8,
    };
    const load = { drainMs: 5, executorUtilisation: 0.5, memoryFreeBytes: 1e12, instanceQueuedRows: 2 };
    const encoded = encodeFrame({ ...answer, load, body: parts });
    expect(encoded.slice(1)).toEqual(parts);
    expect(readAll(new FrameReader(), [sent(encoded)])).toEqual([
      { ...answer, load, body: Buffer.from("abcde") },
    ]);
  });

  it("takes a header that a newer sender has made longer", () => {
    const [head] = encodeFrame({ type: "cancel", id: 4 });
    const longer = Buffer.concat([head!, Buffer.from([1, 2, 3])]);
    longer.writeUInt32LE(longer.length - 4, 0);
    longer.writeUInt16LE(3, 6);
    expect(readAll(new FrameReader(), [sent([longer])])).toEqual([{ type: "cancel", id: 4 }]);
  });

  describe("when it is fed garbage", () => {
    const [cancel] = encodeFrame({ type: "cancel", id: 4 });
    const changed = (change: (frame: Buffer) => void): Buffer => {
      const frame = Buffer.from(cancel!);
      change(frame);
      return sent([frame]);
    };
    it.each<[string, Buffer, RegExp]>([
      ["another field", Buffer.from([0x12, 0]), /byte 18/],
      ["a length beyond the message", Buffer.from([0x0a, 5, 1]), /promises 5/],
      ["an unending length", Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), /broken length/],
      ["a frame shorter than its own prefix", changed((f) => f.writeUInt32LE(3, 0)), /frame of 3 bytes/],
      ["a frame larger than allowed", changed((f) => f.writeUInt32LE(0xffff_ffff, 0)), /frame of 4294967295/],
      ["an unknown type", changed((f) => f.writeUInt8(77, 4)), /type 77/],
      ["a header beyond its frame", changed((f) => f.writeUInt16LE(500, 6)), /header of 500/],
      ["an answer without its header", changed((f) => f.writeUInt8(2, 4)), /only 0 bytes/],
    ])("says what is wrong with %s, and stays faulty", (_name, message, fault) => {
      const reader = new FrameReader();
      expect(reader.push(message)).toEqual({ ok: false, fault: expect.stringMatching(fault) });
      expect(reader.push(sent([cancel!]))).toMatchObject({ ok: false });
    });

    it("never throws, and never keeps more than a frame", () => {
      fc.assert(
        fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }), (chunks) => {
          const reader = new FrameReader(1_000);
          for (const chunk of chunks) reader.push(sent([chunk]));
        }),
        { numRuns: 3_000, seed: 8 },
      );
    });
  });
});

describe("linkMessage", () => {
  it("is a LinkRequest", () => {
    const parts = [Buffer.alloc(200, 1), Buffer.alloc(100, 2)];
    expect(Buffer.from(fromBinary(LinkRequestSchema, sent(parts)).frames)).toEqual(Buffer.concat(parts));
  });
});
