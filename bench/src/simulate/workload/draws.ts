import type { Random } from "@infaas/runtime";

/** Bound once: where tests run, each look at a global is a call. */
const { cos, exp, log, PI, sqrt } = Math;

/** A draw from the exponential distribution of mean 1. */
export function exponential(random: Random): number {
  return -log(1 - random.next());
}

/** A draw from the standard normal distribution (Box and Muller). */
export function normal(random: Random): number {
  return sqrt(-2 * log(1 - random.next())) * cos(2 * PI * random.next());
}

/** A draw from the log-normal distribution of median 1 and this spread of the logarithm. */
export function logNormal(random: Random, sigma: number): number {
  return exp(sigma * normal(random));
}

/** A draw from the gamma distribution of this shape, above 0, and scale 1 (Marsaglia and Tsang, 2000). */
export function gamma(random: Random, shape: number): number {
  if (shape < 1) return gamma(random, shape + 1) * (1 - random.next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (log(1 - random.next()) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
  }
}
