import type { ClusterService } from "@infaas/api";
import { type ClientOf, type Clock, every, type Logger, ServiceError, type Timer } from "@infaas/runtime";

export interface LeaderOptions {
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly member: string;
  /** The lease this member campaigns under; null while it has none. */
  readonly leaseId: () => string | null;
  /** Metadata answered. */
  readonly heard: () => void;
  /** This frontend leads from now on. */
  readonly led: () => void;
}

/** Period of campaigns; metadata answers each with the leader. */
const CAMPAIGN_PERIOD_MS = 1_000;
/** One period: a later answer would tell of a leadership that may have ended. */
const CAMPAIGN_TIMEOUT_MS = 1_000;

/** Whether this frontend leads; the leader alone writes desired placement. */
export class Leader {
  private leadingTerm: bigint | null = null;
  private isCampaigning = false;
  private timer: Timer | null = null;

  constructor(private readonly o: LeaderOptions) {}

  get isLeader(): boolean {
    return this.leadingTerm !== null;
  }

  /** Term that this frontend leads in, the fencing token of what it writes; null while it does not lead. */
  get term(): bigint | null {
    return this.leadingTerm;
  }

  start(): void {
    this.timer = every(
      this.o.clock,
      CAMPAIGN_PERIOD_MS,
      () => this.campaign(),
      () => this.lead(null),
    );
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = null;
    this.lead(null);
  }

  /** Campaigns now instead of at the end of the period, unless it does already: nobody leads. */
  campaignSoon(): void {
    if (this.timer !== null && !this.isCampaigning) void this.campaign();
  }

  private async campaign(): Promise<void> {
    const leaseId = this.o.leaseId();
    if (leaseId === null) return this.lead(null);
    this.isCampaigning = true;
    try {
      const { member } = this.o;
      const { leadership } = await this.o.cluster.campaign(
        { leaseId, member },
        { timeoutMs: CAMPAIGN_TIMEOUT_MS },
      );
      this.o.heard();
      this.lead(leadership?.member === member ? leadership.term : null);
    } catch (error) {
      this.o.logger.debug("campaign failed", { error: ServiceError.from(error).message });
      this.lead(null);
    } finally {
      this.isCampaigning = false;
    }
  }

  private lead(term: bigint | null): void {
    const leads = term !== null;
    if (leads !== this.isLeader) this.o.logger.info(leads ? "leads" : "leads no longer");
    const began = leads && term !== this.leadingTerm;
    this.leadingTerm = term;
    if (began) this.o.led();
  }
}
