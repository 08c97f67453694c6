import type { ClusterService } from "@infaas/api";
import {
  Backoff,
  type ClientOf,
  type Clock,
  Code,
  type Logger,
  type Random,
  ServiceError,
  sleep,
} from "@infaas/runtime";
import { LEAVE_TIMEOUT_MS, MEMBER_CALL_TIMEOUT_MS } from "./call-limits";

type Cluster = ClientOf<typeof ClusterService>;
/** The record under which a process is a member; its incarnation is added. */
export type MemberInit = Omit<
  NonNullable<Parameters<Cluster["join"]>[0]["member"]>,
  "incarnation" | "$typeName"
>;

export interface MembershipOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Returns the member's record; called at each join. */
  readonly member: () => MemberInit;
  /** How long metadata waits for a sign of life, ms. */
  readonly leaseTtlMs: number;
  /** Called after each join. */
  readonly onJoin?: () => void;
  /** Called after each answer of metadata. */
  readonly onAnswer?: () => void;
}

interface Lease {
  readonly id: string;
  readonly ttlMs: number;
  /** When metadata last answered for it, on the clock of this process. */
  readonly heardMs: number;
}

/** Pauses before metadata that did not answer is asked again. */
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;
/** So many keep-alives may be sent within one lease. */
const SIGNS_PER_LEASE = 3;
const INCARNATION_BYTES = 8;

/**
 * The membership of one process: joined under a lease that is kept alive. A lease that metadata no longer
 * knows, or that was not answered for within its time to live, is given up and the process joins anew, in the
 * same incarnation.
 */
export class Membership {
  private lease: Lease | null = null;
  private readonly incarnation: string;

  constructor(private readonly o: MembershipOptions) {
    this.incarnation = o.random.hex(INCARNATION_BYTES);
  }

  /** The lease while the process is a member, else null. */
  get leaseId(): string | null {
    return this.lease?.id ?? null;
  }

  /** Keeps the membership until `signal` aborts, then leaves. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, random: jitter } = this.o;
    const backoff = new Backoff({ firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS, jitter });
    while (!signal.aborted) {
      try {
        const held = this.lease;
        this.lease = held === null ? await this.join(signal) : await this.keepAlive(held, signal);
        if (held === null) this.o.onJoin?.();
        this.o.onAnswer?.();
        backoff.succeeded();
        await sleep(clock, this.lease.ttlMs / SIGNS_PER_LEASE, signal);
      } catch (error) {
        if (signal.aborted) break;
        const fault = ServiceError.from(error);
        if (this.lease !== null && this.isLost(this.lease, fault)) this.lease = null;
        if (backoff.failures === 0) logger.warn("membership not renewed", { error: fault.message });
        await sleep(clock, backoff.failed(), signal);
      }
    }
    await this.leave();
  }

  private async join(signal: AbortSignal): Promise<Lease> {
    const { cluster, clock, logger, leaseTtlMs } = this.o;
    const member = { ...this.o.member(), incarnation: this.incarnation };
    const call = { timeoutMs: MEMBER_CALL_TIMEOUT_MS, signal };
    const { leaseId, ttlMs } = await cluster.join({ member, ttlMs: leaseTtlMs }, call);
    logger.info("joined the cluster", { leaseId });
    return { id: leaseId, ttlMs, heardMs: clock.nowMs() };
  }

  private async keepAlive({ id }: Lease, signal: AbortSignal): Promise<Lease> {
    const call = { timeoutMs: MEMBER_CALL_TIMEOUT_MS, signal };
    const { ttlMs } = await this.o.cluster.keepAlive({ leaseId: id }, call);
    return { id, ttlMs, heardMs: this.o.clock.nowMs() };
  }

  private isLost({ ttlMs, heardMs }: Lease, fault: ServiceError): boolean {
    return fault.code === Code.NOT_FOUND || this.o.clock.nowMs() - heardMs >= ttlMs;
  }

  private async leave(): Promise<void> {
    const leaseId = this.leaseId;
    this.lease = null;
    if (leaseId === null) return;
    try {
      await this.o.cluster.leave({ leaseId }, { timeoutMs: LEAVE_TIMEOUT_MS });
    } catch (error) {
      this.o.logger.warn("not left: the lease will run out", { error: ServiceError.from(error).message });
    }
  }
}
