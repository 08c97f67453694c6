/** Bytes of the length before each string of a BYTES tensor. */
const LENGTH_BYTES = 4;

/**
 * A raw tensor cut into `parts` along its first axis, without copying. Strings lie each behind its length, and every part
 * has as many.
 */
export function partsOf(datatype: string, bytes: Uint8Array, parts: number): Uint8Array[] {
  const starts = datatype === "BYTES" ? textStarts(bytes) : null;
  const count = starts === null ? bytes.byteLength : starts.length - 1;
  const startOf = (part: number) => {
    const at = (part * count) / parts;
    return starts === null ? at : starts[at]!;
  };
  return Array.from({ length: parts }, (_, part) => bytes.subarray(startOf(part), startOf(part + 1)));
}

function textStarts(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const starts = [0];
  for (let at = 0; at < bytes.byteLength; ) {
    at += LENGTH_BYTES + view.getUint32(at, true);
    starts.push(at);
  }
  return starts;
}
