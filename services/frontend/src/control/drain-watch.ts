import { HostState } from "@infaas/api";
import type { ClusterView } from "../view/cluster-view";

/** A draining host is ended after so long, whatever it still holds; its executor then has its own time to answer. */
const DRAIN_MAX_MS = 60_000;
/** Figures of an executor count once they are newer than this after it was to drain: queries may have been on their way. */
const SETTLE_MS = 1_000;

/** What to do about a host that drains. */
export type DrainStep = "withdraw" | "wait" | "remove";

/** Tells when draining hosts are empty; remembers only since when each drains. */
export class DrainWatch {
  private readonly since = new Map<string, number>();

  constructor(private readonly view: Pick<ClusterView, "executors" | "hosts">) {}

  /** Returns the next step for each host that drains. */
  steps(nowMs: number): readonly { readonly host: string; readonly step: DrainStep }[] {
    const draining = this.view.hosts.filter((h) => h.state === HostState.DRAINING).map((h) => h.name);
    for (const name of this.since.keys()) if (!draining.includes(name)) this.since.delete(name);
    return draining.map((host) => ({ host, step: this.stepOf(host, nowMs) }));
  }

  private stepOf(host: string, nowMs: number): DrainStep {
    const executor = this.view.executors.get(host);
    if (executor === undefined) return "remove";
    if (executor.memberAccepting) return "withdraw";
    const sinceMs = this.since.get(host) ?? nowMs;
    this.since.set(host, sinceMs);
    if (nowMs - sinceMs >= DRAIN_MAX_MS) return "remove";
    const { inFlight } = executor;
    const isEmpty = inFlight !== null && inFlight.toldMs - sinceMs >= SETTLE_MS && inFlight.queries === 0;
    return isEmpty ? "remove" : "wait";
  }
}
