/** Constant weights in int8 with one symmetric scale per output channel. */
export interface QuantizedWeights {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/**
 * Largest magnitude of an int32 bias, stored at the product of both scales: the accumulator must not
 * overflow.
 */
const BIAS_LIMIT = 2 ** 30;
/** Smallest scale of a channel; a channel below it is zero, since its float32 scale would lose precision. */
const SCALE_MIN = 1e-30;

/**
 * Rounds weights to `-limit..limit` with one scale per channel (`largest magnitude / limit`; zero maps to
 * zero).
 *
 * @param weights Row-major values of shape `dims`.
 * @param bias One per channel, added at `activationScale * scale`; a scale is widened where the bias would
 * not fit.
 */
export function quantizeWeights(o: {
  readonly weights: Float32Array;
  readonly dims: readonly number[];
  readonly channelAxis: number;
  readonly limit: number;
  readonly bias: Float32Array | null;
  readonly activationScale: number;
}): QuantizedWeights {
  const channels = o.dims[o.channelAxis] ?? 1;
  const stride = o.dims.slice(o.channelAxis + 1).reduce((product, size) => product * size, 1);
  const scales = new Float32Array(channels);
  forEachRun(o.weights.length, stride, channels, (start, channel) => {
    let largest = scales[channel]!;
    for (let index = start; index < start + stride; index++)
      largest = Math.max(largest, Math.abs(o.weights[index]!));
    scales[channel] = largest;
  });
  for (let channel = 0; channel < channels; channel++) {
    const leastForBias = Math.abs(o.bias?.[channel] ?? 0) / (o.activationScale * BIAS_LIMIT);
    const scale = Math.max(scales[channel]! / o.limit, leastForBias);
    scales[channel] = scale < SCALE_MIN ? 1 : scale;
  }
  const values = new Int8Array(o.weights.length);
  forEachRun(o.weights.length, stride, channels, (start, channel) => {
    const scale = scales[channel]!;
    // No weight is further than `limit` scales from zero, so nothing is clamped.
    for (let index = start; index < start + stride; index++)
      values[index] = Math.round(o.weights[index]! / scale);
  });
  return { values, scales };
}

/** Returns a bias in int32 at `activationScale * scales[channel]`, with those scales. */
export function quantizeBias(
  bias: Float32Array,
  activationScale: number,
  scales: Float32Array,
): { values: Int32Array; scales: Float32Array } {
  const products = scales.map((scale) => scale * activationScale);
  return {
    values: Int32Array.from(bias, (value, channel) => Math.round(value / products[channel]!)),
    scales: products,
  };
}

/** Calls `visit` with the start and channel of each run of `stride` neighbouring weights of one channel. */
function forEachRun(
  length: number,
  stride: number,
  channels: number,
  visit: (start: number, channel: number) => void,
): void {
  for (let start = 0, channel = 0; start < length; start += stride, channel = (channel + 1) % channels)
    visit(start, channel);
}
