import fc from "fast-check";
import { quantizeBias, quantizeWeights } from "./quantized-weights";

const weightsOf = (length: number) =>
  fc.float32Array({ minLength: length, maxLength: length, min: -8, max: 8, noNaN: true });

describe("quantizeWeights", () => {
  it("gives each channel its own scale, on either axis", () => {
    const weights = Float32Array.of(1, 20, 3, 40);
    const common = { weights, dims: [2, 2], limit: 64, bias: null, activationScale: 1 };
    const columns = quantizeWeights({ ...common, channelAxis: 1 });
    expect([...columns.values]).toEqual([21, 32, 64, 64]);
    expect([...columns.scales]).toEqual([Math.fround(3 / 64), Math.fround(40 / 64)]);
    expect([...quantizeWeights({ ...common, channelAxis: 0 }).values]).toEqual([3, 64, 5, 64]);
  });

  it("stays within half a step of every weight and within the limit", () => {
    fc.assert(
      fc.property(
        weightsOf(12),
        fc.constantFrom(64, 127),
        fc.constantFrom(0, 1),
        (weights, limit, channelAxis) => {
          const dims = [3, 4];
          const { values, scales } = quantizeWeights({
            weights,
            dims,
            channelAxis,
            limit,
            bias: null,
            activationScale: 1,
          });
          weights.forEach((weight, index) => {
            const scale = scales[channelAxis === 0 ? Math.floor(index / 4) : index % 4]!;
            expect(Math.abs(values[index]!)).toBeLessThanOrEqual(limit);
            expect(Math.abs(values[index]! * scale - weight)).toBeLessThanOrEqual(scale * 0.5001);
          });
        },
      ),
    );
  });

  it("widens the scale of a channel whose bias would not fit beside its weights", () => {
    const bias = Float32Array.of(1e6);
    const weights = Float32Array.of(1e-6);
    const { scales } = quantizeWeights({
      weights,
      dims: [1, 1],
      channelAxis: 1,
      limit: 64,
      bias,
      activationScale: 1e-4,
    });
    const stored = quantizeBias(bias, 1e-4, scales);
    expect(stored.values[0]! * stored.scales[0]!).toBeCloseTo(1e6, 0);
  });

  it("keeps a channel of zeros at zero", () => {
    const o = {
      weights: new Float32Array(4),
      dims: [2, 2],
      channelAxis: 1,
      limit: 64,
      bias: null,
      activationScale: 1,
    };
    expect(quantizeWeights(o)).toEqual({ values: new Int8Array(4), scales: Float32Array.of(1, 1) });
  });
});
