import { varintBytes, writeVarint } from "./varint";

/** ModelInferRequest bytes of which large contents lie elsewhere. */
export interface InferParts {
  /** The message without large contents: a whole one by itself. */
  readonly skeleton: Uint8Array;
  /** The message, in order; large contents are parts of their own. */
  readonly parts: readonly Uint8Array[];
}

/** Tag of raw_input_contents in a ModelInferRequest. */
export const RAW_CONTENTS_TAG = (7 << 3) | 2;

/** Returns what stands before raw contents of so many bytes in a ModelInferRequest. */
export function rawContentsHead(bytes: number): Uint8Array {
  const head = new Uint8Array(1 + varintBytes(bytes));
  head[0] = RAW_CONTENTS_TAG;
  writeVarint(head, 1, bytes);
  return head;
}
