import { every, type Timer } from "@infaas/runtime";
import type { SimulatedCluster } from "../cluster/simulated-cluster";
import type { Paid, VirtualHosts } from "../cluster/virtual-hosts";

/** Host-seconds of a stretch of time by what they were paid for; the four add up to the bill. */
export interface HostSeconds {
  /** Batches and loads, at all cores. */
  readonly used: number;
  /** The rest of the hosts that would be busy if they were filled one after another, second by second. */
  readonly headroom: number;
  /** From asking for a host until its executor runs. */
  readonly boot: number;
  /** Hosts beyond those, and what is left of the least time that is billed. */
  readonly idle: number;
}

const PERIOD_MS = 1_000;
const MS_PER_SECOND = 1_000;
/** A start so soon after an end undoes it. */
const REVERSAL_MS = 120_000;

/** Reads once a second what hosts do; a stretch begins with `begin` and ends with `end`. */
export class HostMeter {
  private sums = { usedMs: 0, headroomMs: 0, bootMs: 0, idleMs: 0 };
  private fromMs: number;
  private beginMs: number;
  private usedMs: number;
  private readonly timer: Timer;

  constructor(
    private readonly cluster: SimulatedCluster,
    private readonly hosts: VirtualHosts,
    private readonly billedMinMs: number,
  ) {
    const { clock } = cluster;
    this.fromMs = clock.nowMs();
    this.beginMs = this.fromMs;
    this.usedMs = hosts.usedMs;
    this.timer = every(
      clock,
      PERIOD_MS,
      () => this.read(),
      () => undefined,
    );
  }

  begin(): void {
    this.read();
    this.beginMs = this.fromMs;
    this.sums = { usedMs: 0, headroomMs: 0, bootMs: 0, idleMs: 0 };
  }

  end(): HostSeconds {
    this.read();
    this.timer.cancel();
    const { usedMs, headroomMs, bootMs, idleMs } = this.sums;
    const seconds = (ms: number) => ms / MS_PER_SECOND;
    return {
      used: seconds(usedMs),
      headroom: seconds(headroomMs),
      boot: seconds(bootMs),
      idle: seconds(idleMs),
    };
  }

  /** The same from the records of the hosts alone. */
  get billedSeconds(): number {
    return this.paidMs(this.beginMs, this.fromMs) / MS_PER_SECOND;
  }

  /** Hosts asked for since `begin`, and those of them that undo an end. */
  get starts(): { readonly count: number; readonly reversals: number } {
    const { paid } = this.hosts;
    const since = paid.filter(({ fromMs }) => fromMs >= this.beginMs);
    const ends = paid.flatMap(({ untilMs }) => untilMs ?? []);
    const isReversal = ({ fromMs }: Paid) =>
      ends.some((endMs) => endMs <= fromMs && fromMs - endMs <= REVERSAL_MS);
    return { count: since.length, reversals: since.filter(isReversal).length };
  }

  private read(): void {
    const { hosts, cluster } = this;
    const [fromMs, nowMs] = [this.fromMs, cluster.clock.nowMs()];
    if (nowMs === fromMs) return;
    const usedMs = (hosts.usedMs - this.usedMs) / cluster.o.host.cores;
    const bootMs = this.within(({ fromMs: askedMs, cameMs, untilMs }) => {
      return [askedMs, cameMs ?? untilMs ?? nowMs];
    }, nowMs);
    const upMs = Math.max(0, this.paidMs(fromMs, nowMs) - bootMs);
    const lengthMs = nowMs - fromMs;
    const filledMs = Math.min(upMs, Math.ceil(usedMs / lengthMs - TINY) * lengthMs);
    this.sums.usedMs += usedMs;
    this.sums.bootMs += bootMs;
    this.sums.headroomMs += Math.max(0, filledMs - usedMs);
    this.sums.idleMs += Math.max(0, upMs - Math.max(filledMs, usedMs));
    this.fromMs = nowMs;
    this.usedMs = hosts.usedMs;
  }

  private paidMs(fromMs: number, toMs: number): number {
    return this.hosts.paid.reduce((sum, { fromMs: askedMs, untilMs }) => {
      const end = Math.max(untilMs ?? toMs, askedMs + this.billedMinMs);
      return sum + Math.max(0, Math.min(end, toMs) - Math.max(askedMs, fromMs));
    }, 0);
  }

  private within(stretchOf: (paid: Paid) => readonly [from: number, to: number], toMs: number): number {
    return this.hosts.paid.reduce((sum, paid) => {
      const [from, to] = stretchOf(paid);
      return sum + Math.max(0, Math.min(to, toMs) - Math.max(from, this.fromMs));
    }, 0);
  }
}

/** So that rounding opens no host. */
const TINY = 1e-9;
