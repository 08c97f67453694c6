import { type ClusterService, MemberKind } from "@infaas/api";
import {
  type ClientOf,
  type Clock,
  Code,
  type Logger,
  type Random,
  ServiceError,
  sleep,
} from "@infaas/runtime";

/** What membership needs. */
export interface MembershipOptions {
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly name: string;
  /** host:port under which executors reach this frontend. */
  readonly address: string;
  readonly ttlMs: number;
  /** Metadata answered. */
  readonly heard: () => void;
}

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;
const CALL_TIMEOUT_MS = 2_000;

/** This frontend's place among the members: joined under a lease that is kept alive, joined again when it ran out. */
export class Membership {
  private currentLease: string | null = null;
  private readonly incarnation: string;

  constructor(private readonly o: MembershipOptions) {
    this.incarnation = o.random.hex(8);
  }

  /** The lease while this frontend is a member, else null. */
  get leaseId(): string | null {
    return this.currentLease;
  }

  /** Keeps the membership until `signal` aborts, then leaves. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        const ttlMs = await this.prolong();
        failures = 0;
        await sleep(this.o.clock, ttlMs / 3, signal);
      } catch (error) {
        const fault = ServiceError.from(error);
        if (fault.code === Code.NOT_FOUND) this.currentLease = null;
        if (failures === 0) this.o.logger.warn("membership not renewed", { error: fault.message });
        const pauseMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(failures, 10));
        failures++;
        await sleep(this.o.clock, pauseMs, signal);
      }
    }
    await this.leave();
  }

  private async prolong(): Promise<number> {
    const { cluster } = this.o;
    if (this.currentLease !== null) {
      const kept = await cluster.keepAlive({ leaseId: this.currentLease }, { timeoutMs: CALL_TIMEOUT_MS });
      this.o.heard();
      return kept.ttlMs;
    }
    const { name, address, ttlMs } = this.o;
    const member = {
      name,
      address,
      kind: MemberKind.FRONTEND,
      incarnation: this.incarnation,
      accepting: true,
    };
    const joined = await cluster.join({ member, ttlMs }, { timeoutMs: CALL_TIMEOUT_MS });
    this.currentLease = joined.leaseId;
    return joined.ttlMs;
  }

  private async leave(): Promise<void> {
    if (this.currentLease === null) return;
    const leaseId = this.currentLease;
    this.currentLease = null;
    try {
      await this.o.cluster.leave({ leaseId }, { timeoutMs: CALL_TIMEOUT_MS });
    } catch (error) {
      this.o.logger.debug("not left: the lease will run out", { error: ServiceError.from(error).message });
    }
  }
}
