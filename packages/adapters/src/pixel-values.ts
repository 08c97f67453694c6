import { type DataType, datatypeBytes, type ImageAdapter, numberBytes } from "@infaas/api";

/** Decoded pixels, row by row, the channels of each side by side: red, green, blue, or one of grey. */
export interface Pixels {
  readonly bytes: Uint8Array;
  readonly channels: number;
}

/**
 * Returns pixels as elements of a tensor: `(pixel * scale + offset - mean) / std` by channel, in the adapter's layout and order
 * of channels. Colours of a model for grey are weighed as Pillow's mode L does. O(pixels); each of 256 values is worked out once.
 */
export function pixelValues(pixels: Pixels, image: ImageAdapter, datatype: DataType): Uint8Array {
  const { width, height, channels, layout } = image;
  const plane = width * height;
  const tables = Array.from({ length: channels }, (_, channel) => valueTable(image, channel, datatype));
  const element = datatypeBytes(datatype) ?? 1;
  const made = elementsOf(element, new ArrayBuffer(plane * channels * element));
  for (const [channel, table] of tables.entries()) {
    const read = channelReader(pixels, image, channel);
    const values = elementsOf(element, table.buffer as ArrayBuffer, table.byteOffset, 256);
    const [start, step] = layout === "NHWC" ? [channel, channels] : [channel * plane, 1];
    for (let at = 0; at < plane; at++) made[start + at * step] = values[read(at)]!;
  }
  return new Uint8Array(made.buffer);
}

/** The 256 values that a pixel of one channel may become. */
function valueTable({ scale, offset, mean, std }: ImageAdapter, channel: number, datatype: DataType): Buffer {
  const values = Array.from(
    { length: 256 },
    (_, pixel) => (pixel * scale + offset - (mean[channel] ?? 0)) / (std[channel] ?? 1),
  );
  // A copy of its own is aligned to its elements.
  return Buffer.from(new Uint8Array(numberBytes(datatype, values) ?? []).buffer);
}

/** Elements by their size alone: they are moved, never read as numbers. */
function elementsOf(
  size: number,
  buffer: ArrayBuffer,
  offset = 0,
  length?: number,
): Record<number, number | bigint> & {
  readonly buffer: ArrayBuffer;
} {
  if (size === 8) return new BigUint64Array(buffer, offset, length);
  if (size === 4) return new Uint32Array(buffer, offset, length);
  return size === 2 ? new Uint16Array(buffer, offset, length) : new Uint8Array(buffer, offset, length);
}

type PixelReader = (at: number) => number;

function channelReader({ bytes, channels }: Pixels, image: ImageAdapter, channel: number): PixelReader {
  if (channels === 1) return (at) => bytes[at]!;
  if (image.channels === 1) return (at) => luma(bytes, at * channels);
  const source = image.bgr ? 2 - channel : channel;
  return (at) => bytes[at * channels + source]!;
}

/** ITU-R 601 in 16 bits behind the point, rounded, as Pillow has it. */
function luma(bytes: Uint8Array, at: number): number {
  return (bytes[at]! * 19_595 + bytes[at + 1]! * 38_470 + bytes[at + 2]! * 7_471 + 0x8000) >> 16;
}
