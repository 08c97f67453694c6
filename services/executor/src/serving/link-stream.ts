import type { FrameServer } from "@infaas/cuda-batcher";
import type { GatherMessage, RawStream, ServiceError } from "@infaas/runtime";

/** What a link needs of its stream: messages in and out, and an end. */
export type LinkStream = Pick<RawStream, "write" | "onData" | "onDrain" | "onEnd" | "end" | "destroy">;

/**
 * One plain connection as a link sees it: the messages around its frames are taken off on the way out. It greets by
 * itself, ends with its server, and bounds what waits for a slow peer, so that nothing asks to wait.
 */
export class PlainStream implements LinkStream {
  private take: (message: Buffer) => void = () => undefined;
  private finish: (error: ServiceError | null) => void = () => undefined;

  constructor(
    private readonly server: FrameServer,
    private readonly connection: number,
  ) {}

  /** A frame came, as one message. */
  received(message: Buffer): void {
    this.take(message);
  }

  /** The connection is gone. */
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

/** The frames in one LinkResponse: all but its tag and the length behind it. */
function withoutMessage(message: Buffer): Buffer {
  let at = 1;
  while ((message[at] ?? 0) >= 0x80) at += 1;
  return message.subarray(at + 1);
}
