import type { Variant } from "@infaas/api";
import { interpolated } from "../cluster/service-times";
import type { HostSpec } from "../cluster/simulated-executor";
import type { ScenarioClass } from "./scenario";

const MS_PER_SECOND = 1_000;

/** Variants that may answer a class: accurate enough, and alone in time. */
export function adequateFor(variants: readonly Variant[], one: ScenarioClass): readonly Variant[] {
  return variants.filter(
    ({ architecture, accuracy, profile }) =>
      architecture === one.target &&
      (accuracy?.value ?? 0) >= (one.minAccuracy ?? 0) &&
      (profile?.points[0]?.p95Ms ?? Number.POSITIVE_INFINITY) <= one.latencyMs,
  );
}

/** Returns the host-seconds that a row takes in the best batch whose latency fits the objective so many times, or in a batch of one. */
export function hostSecondsPerRow(
  { threads, profile }: Variant,
  { cores }: HostSpec,
  { latencyMs, times }: { readonly latencyMs: number; readonly times: number },
): number {
  const points = profile?.points ?? [];
  let least = Number.POSITIVE_INFINITY;
  for (let batch = 1; batch <= (points.at(-1)?.batch ?? 0); batch++) {
    const ms = interpolated(points, batch);
    if (batch > 1 && times * ms > latencyMs) break;
    least = Math.min(least, (threads * ms) / batch / cores / MS_PER_SECOND);
  }
  return least;
}
