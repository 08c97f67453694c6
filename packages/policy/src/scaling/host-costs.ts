/** A host that is paid for. */
export interface PaidHost {
  readonly name: string;
  readonly pricePerHourUsd: number;
  /** Busy share, 0..1; null: it told nothing lately, and counts as busy. */
  readonly utilisation: number | null;
  /** `fixed`: it does not come and go. */
  readonly state: "fixed" | "starting" | "up" | "draining";
}

/** What decides how many hosts there are. */
export interface HostCosts {
  readonly minHosts: number;
  readonly wantedHosts: number;
  /** How long fewer hosts must have been enough before one goes, ms. */
  readonly holdMs: number;
}

/** What one host costs; paid is used and idle. US dollars per hour. */
export interface HostCost {
  readonly name: string;
  readonly paidUsd: number;
  readonly usedUsd: number;
  readonly idleUsd: number;
  /** Why it is there although a part of it is idle. */
  readonly because: string;
}

/** Returns what hosts cost, and why they idle. `plan`: null where this process does not know it. */
export function hostCosts(hosts: readonly PaidHost[], plan: HostCosts | null): readonly HostCost[] {
  const up = hosts.filter(({ state }) => state === "up").length;
  return hosts.map((host) => {
    const { name, pricePerHourUsd: paidUsd, utilisation } = host;
    const usedUsd = paidUsd * Math.min(1, Math.max(0, utilisation ?? 1));
    return { name, paidUsd, usedUsd, idleUsd: paidUsd - usedUsd, because: idleReason(host, up, plan) };
  });
}

function idleReason({ state, utilisation }: PaidHost, up: number, plan: HostCosts | null): string {
  if (state === "fixed") return "it does not come and go";
  if (state === "starting") return "it is being started";
  if (state === "draining") return "it drains";
  if (utilisation === null) return "it told nothing lately, and counts as busy";
  if (plan === null) return "the frontend that leads knows";
  const { minHosts, wantedHosts, holdMs } = plan;
  if (up <= wantedHosts && wantedHosts > minHosts)
    return `demand wants ${wantedHosts}, with a reserve for chance`;
  if (up <= minHosts) return `at least ${minHosts} is kept`;
  return `${wantedHosts} would be enough: one goes once that was so for ${Math.round(holdMs / 1_000)} s`;
}
