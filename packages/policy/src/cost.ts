import type { Executor, Variant } from "./types";

/**
 * What pricing and fitting need to know of a host; executors with the same values are interchangeable in
 * this.
 */
export type Host = Pick<Executor, "pricePerHourUsd" | "cores" | "memoryBytes" | "deviceKinds">;

const SECONDS_PER_HOUR = 3600;
const QUERIES_PER_QUOTE = 1000;

/**
 * Returns the share of the host that one instance takes at saturation: its dominant share, the larger of
 * memory and compute, at most 1. Compute is `threads * concurrency / cores` on a CPU and the whole device
 * otherwise, because saturation throughput is measured with the device to itself. What is taken by one cannot be
 * sold to another.
 */
export function hostShare(variant: Variant, host: Host): number {
  const memory = variant.profile.peakMemoryBytes / host.memoryBytes;
  const compute = variant.deviceKind === "cpu" ? (variant.threads * variant.concurrency) / host.cores : 1;
  return Math.min(1, Math.max(memory, compute));
}

/**
 * Returns the price of one item in US dollars: the host's price, by share, divided by saturation throughput.
 */
export function costPerQueryUsd(variant: Variant, host: Host): number {
  const perSecondUsd = (host.pricePerHourUsd * hostShare(variant, host)) / SECONDS_PER_HOUR;
  return perSecondUsd / variant.profile.saturationPerSecond;
}

/** Returns the price in US dollars of 1,000 queries of so many rows: the unit of `Slo.maxCostUsd`. */
export function costPerThousandUsd(itemUsd: number, rows: number): number {
  return itemUsd * rows * QUERIES_PER_QUOTE;
}

/**
 * Whether a variant can run on such a host at all: its device, enough cores for one batch, memory when empty.
 */
export function fitsHost(variant: Variant, host: Host): boolean {
  return (
    host.deviceKinds.includes(variant.deviceKind) &&
    (variant.deviceKind !== "cpu" || variant.threads <= host.cores) &&
    variant.profile.peakMemoryBytes <= host.memoryBytes
  );
}
