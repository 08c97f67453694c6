import type { CorePlan } from "./variant-generator";

/** A time in which all engine threads of an instance had batches waiting. */
export interface SaturationWindow {
  readonly items: number;
  readonly elapsedMs: number;
  /** CPU time of the engine threads. */
  readonly cpuMs: number;
}

/** How long a window takes: shorter than most disturbances. */
const WINDOW_MS = 25;
/** How long one takes where a quota stops it half of the time, and with cold caches after each stop. */
const RATIONED_WINDOW_MS = 100;
/**
 * Fewest windows, after one that is not counted: the path through the queue is cold in more places than a
 * run.
 */
const SATURATION_WINDOWS_MIN = 3;
/** Most windows, while no second one comes close to the best. */
export const SATURATION_WINDOWS_MAX = 8;
/**
 * The best window counts, since a disturbance only slows; it is confirmed by a second one this close to it.
 */
const SATURATION_AGREEMENT = 0.95;

/**
 * Whether the host gives less CPU time than the engine threads of an instance could use: a quota then stops them again and
 * again, and how often within a short window is chance.
 */
export function isRationed({ threads, concurrency }: CorePlan, cpuCores: number): boolean {
  return cpuCores < threads * concurrency;
}

/** Returns how long a window of an instance takes at the least, ms. */
export function windowMs(cores: CorePlan, cpuCores: number): number {
  return isRationed(cores, cpuCores) ? RATIONED_WINDOW_MS : WINDOW_MS;
}

/**
 * Returns items per second that a window shows: by its length, or, where CPU time is rationed, by the CPU time that the items
 * took and what the host gives per second. What else the machine does delays a process without lengthening its CPU time, and
 * what a quota leaves over at the start of a window is not had for long.
 */
export function saturationOf(window: SaturationWindow, cores: CorePlan, cpuCores: number): number {
  const { items, elapsedMs, cpuMs } = window;
  if (!isRationed(cores, cpuCores) || cpuMs <= 0) return (items * 1_000) / elapsedMs;
  return (items * 1_000 * cpuCores) / cpuMs;
}

/** Whether the best of these windows is confirmed by another. */
export function isBestConfirmed(perSecond: readonly number[]): boolean {
  const best = Math.max(...perSecond);
  const close = perSecond.filter((one) => one >= best * SATURATION_AGREEMENT);
  return perSecond.length >= SATURATION_WINDOWS_MIN && close.length >= 2;
}
