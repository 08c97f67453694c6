import { type Host, HostState } from "@infaas/api";
import { type PhaseTime, phaseTime } from "@infaas/policy";

/** Latest starts that are remembered. */
const STARTS_MAX = 8;

/** How long hosts took from their request to their executor's joining, from the times of their records. */
export class StartTimes {
  private readonly requested = new Map<string, number>();
  private readonly startsMs: number[] = [];

  /** Takes the records as they are now. */
  take(hosts: readonly Pick<Host, "name" | "state" | "changedEpochMs">[]): void {
    const names = new Set(hosts.map((host) => host.name));
    for (const name of this.requested.keys()) if (!names.has(name)) this.requested.delete(name);
    for (const { name, state, changedEpochMs } of hosts) {
      const requestedMs = this.requested.get(name);
      if (state === HostState.REQUESTED) this.requested.set(name, changedEpochMs);
      else if (state !== HostState.STARTING) this.requested.delete(name);
      if (state === HostState.UP && requestedMs !== undefined) this.started(changedEpochMs - requestedMs);
    }
  }

  /** Of the latest starts, from the first on: nothing else tells what one takes. null: none was seen. */
  get time(): PhaseTime | null {
    return this.startsMs.length === 0 ? null : phaseTime(this.startsMs);
  }

  private started(tookMs: number): void {
    this.startsMs.push(Math.max(0, tookMs));
    this.startsMs.splice(0, Math.max(0, this.startsMs.length - STARTS_MAX));
  }
}
