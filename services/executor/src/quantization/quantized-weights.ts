/** Constant weights in int8 with one symmetric scale per output channel. */
export interface QuantizedWeights {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/** A bias is stored in int32 at the product of both scales; this much head room keeps the accumulator from overflowing. */
const BIAS_LIMIT = 2 ** 30;

/**
 * Rounds weights to `-limit..limit` with one scale per channel (`largest magnitude / limit`; zero maps to zero).
 *
 * @param weights Row-major values of shape `dims`.
 * @param bias One per channel, added at `activationScale * scale`; a scale is widened where the bias would not fit.
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
  const channelOf = (index: number) => Math.floor(index / stride) % channels;
  const scales = new Float32Array(channels);
  o.weights.forEach((value, index) => {
    const channel = channelOf(index);
    scales[channel] = Math.max(scales[channel]!, Math.abs(value) / o.limit);
  });
  o.bias?.forEach((value, channel) => {
    scales[channel] = Math.max(scales[channel]!, Math.abs(value) / (o.activationScale * BIAS_LIMIT));
  });
  for (let channel = 0; channel < channels; channel++) scales[channel] ||= 1;
  const values = Int8Array.from(o.weights, (value, index) =>
    clamp(value / scales[channelOf(index)]!, o.limit),
  );
  return { values, scales };
}

/** A bias in int32 at `activationScale * scales[channel]`, with those scales. */
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

function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, Math.round(value)));
}
