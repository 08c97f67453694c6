import type { GatherMessage } from "@infaas/runtime";
import type { Body } from "./body";

/** Pieces of one message, written next to each other into the frame that is sent; none is copied before. */
export class AnswerMessage implements GatherMessage {
  readonly length: number;
  readonly byteLength: number;

  constructor(readonly parts: readonly (Uint8Array | Body)[]) {
    let bytes = 0;
    for (const part of parts) bytes += part.byteLength;
    this.length = bytes;
    this.byteLength = bytes;
  }

  copy(target: Uint8Array, offset: number): number {
    let at = offset;
    for (const part of this.parts) {
      target.set(part instanceof Uint8Array ? part : part.bytes(), at);
      at += part.byteLength;
    }
    return this.length;
  }
}
