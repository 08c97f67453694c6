import type { GatherMessage } from "@infaas/runtime";

/** Two pieces of one message, written next to each other into the frame that is sent; neither is copied before. */
export class AnswerMessage implements GatherMessage {
  readonly length: number;
  readonly byteLength: number;

  constructor(
    private readonly head: Uint8Array,
    private readonly body: Uint8Array,
  ) {
    this.length = head.byteLength + body.byteLength;
    this.byteLength = this.length;
  }

  copy(target: Uint8Array, offset: number): number {
    target.set(this.head, offset);
    target.set(this.body, offset + this.head.byteLength);
    return this.length;
  }
}
