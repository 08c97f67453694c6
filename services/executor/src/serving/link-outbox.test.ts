import { Metadata } from "@grpc/grpc-js";
import { FrameReader, type OutgoingFrame } from "@infaas/api";
import { type GatherMessage, type RawStream, systemClock } from "@infaas/runtime";
import { LinkOutbox } from "./link-outbox";

const load = { drainMs: 0, executorUtilisation: 0, memoryFreeBytes: 0, instanceQueuedRows: 0 };

/** The small in-memory form of a stream: keeps messages, copies them when told to, can ask to wait. */
class MemoryStream implements RawStream {
  readonly metadata = new Metadata();
  readonly written: (Uint8Array | GatherMessage)[] = [];
  takes = true;

  write(bytes: Uint8Array | GatherMessage): boolean {
    this.written.push(bytes);
    return this.takes;
  }

  /** Ids of the frames of one message, which is copied as grpc-js would. */
  copyOut(index: number): number[] {
    const message = this.written[index];
    if (message === undefined) throw new Error(`no message ${index} was written`);
    const bytes = new Uint8Array(message.byteLength);
    if (message instanceof Uint8Array) bytes.set(message);
    else message.copy(bytes, 0);
    const read = new FrameReader().push(bytes);
    if (!read.ok) throw new Error(read.fault);
    return read.frames.map((frame) => frame.id);
  }

  onData(): void {}
  onDrain(): void {}
  pause(): void {}
  resume(): void {}
  onEnd(): void {}
  onBreak(): void {}
  end(): void {}
  destroy(): void {}
}

function refusal(id: number): OutgoingFrame {
  return { type: "refusal", id, code: 14, retryAfterMs: 0, load, message: "not here" };
}

function answer(id: number, bodyBytes: number): OutgoingFrame {
  const times = { queueMs: 0, gatherMs: 0, runMs: 0, scatterMs: 0, executorMs: 0 };
  return { type: "answer", id, ...times, batchSize: 1, load, body: [new Uint8Array(bodyBytes)] };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("LinkOutbox", () => {
  it("sends the small frames of one turn as one message", async () => {
    const stream = new MemoryStream();
    const outbox = new LinkOutbox(stream, systemClock);
    for (const id of [1, 2, 3]) outbox.push(refusal(id), null);
    expect(stream.written).toHaveLength(0);
    expect(outbox.pending).toBe(3);
    await nextTurn();
    expect(stream.copyOut(0)).toEqual([1, 2, 3]);
    expect(outbox.pending).toBe(0);
  });

  it("sends a large answer at once, with what waits before it", () => {
    const stream = new MemoryStream();
    const outbox = new LinkOutbox(stream, systemClock);
    outbox.push(refusal(1), null);
    outbox.push(answer(2, 600_000), null);
    expect(stream.copyOut(0)).toEqual([1, 2]);
  });

  it("gives lent memory back when it has been copied, not before", () => {
    const stream = new MemoryStream();
    const outbox = new LinkOutbox(stream, systemClock);
    let released = 0;
    outbox.push(answer(1, 600_000), () => {
      released += 1;
    });
    expect(released).toBe(0);
    stream.copyOut(0);
    expect(released).toBe(1);
  });

  it("keeps frames while the stream asks to wait, and counts them", async () => {
    const stream = new MemoryStream();
    const outbox = new LinkOutbox(stream, systemClock);
    stream.takes = false;
    outbox.push(answer(1, 600_000), null);
    outbox.push(refusal(2), null);
    outbox.push(answer(3, 600_000), null);
    await nextTurn();
    expect(stream.written).toHaveLength(1);
    expect(outbox.pending).toBe(2);
    stream.takes = true;
    outbox.drained();
    expect(stream.copyOut(1)).toEqual([2, 3]);
    expect(outbox.pending).toBe(0);
  });

  it("never joins what waited into a message that no peer would take", () => {
    const stream = new MemoryStream();
    const outbox = new LinkOutbox(stream, systemClock);
    stream.takes = false;
    for (let id = 1; id <= 200; id++) outbox.push(answer(id, 600_000), null);
    expect(stream.written).toHaveLength(1);
    stream.takes = true;
    outbox.drained();
    expect(stream.written).toHaveLength(200);
    expect(Math.max(...stream.written.map(({ byteLength }) => byteLength))).toBeLessThan(700_000);
    expect(stream.copyOut(199)).toEqual([200]);
  });

  it("hands everything over at the end, also to a stream that asks to wait", () => {
    const stream = new MemoryStream();
    const outbox = new LinkOutbox(stream, systemClock);
    stream.takes = false;
    for (const id of [1, 2, 3]) outbox.push(answer(id, 600_000), null);
    outbox.finish();
    expect([0, 1, 2].map((index) => stream.copyOut(index))).toEqual([[1], [2], [3]]);
    expect(outbox.pending).toBe(0);
  });

  it("gives lent memory back when it is closed, also of what comes later", async () => {
    const stream = new MemoryStream();
    const outbox = new LinkOutbox(stream, systemClock);
    let released = 0;
    const release = () => {
      released += 1;
    };
    outbox.push(answer(1, 10), release);
    outbox.close();
    outbox.push(answer(2, 10), release);
    await nextTurn();
    expect(released).toBe(2);
    expect(stream.written).toHaveLength(0);
  });

  it("gives lent memory back when the stream breaks before it copied", () => {
    const stream = new MemoryStream();
    const outbox = new LinkOutbox(stream, systemClock);
    let released = 0;
    outbox.push(answer(1, 600_000), () => {
      released += 1;
    });
    outbox.close();
    expect(released).toBe(1);
    stream.copyOut(0);
    expect(released).toBe(1);
  });
});
