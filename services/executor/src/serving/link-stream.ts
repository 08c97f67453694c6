import type { FrameServer } from "@infaas/cuda-batcher";
import type { GatherMessage, RawStream, ServiceError } from "@infaas/runtime";

/** The part of a stream that a link uses. */
export type LinkStream = Pick<RawStream, "write" | "onData" | "onDrain" | "onEnd" | "end" | "destroy">;

/**
 * A connection of the frame server as a `LinkStream`. Frames are sent without the messages that gRPC has
 * around them. Greeting, end and the bound of what waits for a slow peer are the frame server's, so `write`
 * never blocks.
 */
export class PlainStream implements LinkStream {
  private take: (message: Buffer) => void = () => undefined;
  private finish: (error: ServiceError | null) => void = () => undefined;

  constructor(
    private readonly server: FrameServer,
    private readonly connection: number,
  ) {}

  /** To be called with each frame, as one message. */
  received(message: Buffer): void {
    this.take(message);
  }

  /** To be called when the connection has ended. */
  ended(): void {
    this.finish(null);
  }

  write(message: Uint8Array | GatherMessage): boolean {
    const whole = Buffer.allocUnsafe(message.byteLength);
    if (message instanceof Uint8Array) whole.set(message);
    else message.copy(whole, 0);
    const frames = withoutMessage(whole);
    if (frames.byteLength > 0) this.server.send(this.connection, frames);
    return true;
  }

  onData(take: (message: Buffer) => void): void {
    this.take = take;
  }

  onDrain(): void {}

  onEnd(finish: (error: ServiceError | null) => void): void {
    this.finish = finish;
  }

  end(): void {}

  destroy(): void {
    this.server.cut(this.connection);
  }
}

/** The frames of an encoded LinkResponse: all but its tag and length. */
function withoutMessage(message: Buffer): Buffer {
  let at = 1;
  while ((message[at] ?? 0) >= 0x80) at += 1;
  return message.subarray(at + 1);
}
