import type { Telemetry } from "@infaas/runtime";

/** The addresses that a member exports its metrics to: one for each frontend that is alive. */
export class MetricTargets {
  private current: ReadonlySet<string> = new Set();

  constructor(private readonly telemetry: Pick<Telemetry, "addMetricTarget" | "removeMetricTarget">) {}

  /** Replaces the addresses; those that stay are not touched. */
  set(addresses: readonly string[]): void {
    const next = new Set(addresses);
    for (const address of this.current) if (!next.has(address)) this.telemetry.removeMetricTarget(address);
    for (const address of next) if (!this.current.has(address)) this.telemetry.addMetricTarget(address);
    this.current = next;
  }
}
