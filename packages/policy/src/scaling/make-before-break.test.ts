import { buildCatalog } from "../catalog";
import { classDemand, hostPool } from "../testing/scaling-facts";
import { pointsOf, variant } from "../testing/snapshots";
import type { PlanLine } from "./plan-lines";
import { planScaling, SCALING_DEFAULTS, type ScalingPlan } from "./plan-scaling";
import type { ScaledHost } from "./scaling-facts";
import { freshMemory } from "./scaling-memory";

const OPTIONS = { ...SCALING_DEFAULTS, holdMs: 20_000, holdMaxMs: 600_000 };
const BEST = "best";
const FAST = "fast";
const MOST_HOSTS = 3;
const catalog = buildCatalog({
  variants: [
    variant({ name: BEST, accuracy: 0.98, saturationPerSecond: 50, points: pointsOf(20), loadMs: 2_000 }),
    variant({ name: FAST, accuracy: 0.91, saturationPerSecond: 150, points: pointsOf(6.6), loadMs: 500 }),
  ],
});
const RATES = new Map(
  [...catalog.variants].map(([name, { entries }]) => [
    name,
    entries[0]?.variant.profile.saturationPerSecond ?? 0,
  ]),
);
/** Rounds until a host has joined, and until an instance is ready. */
const START_ROUNDS = 3;
const LOAD_ROUNDS = 2;

interface Held {
  state: ScaledHost["state"];
  /** Round in which it is up. */
  readonly upAt: number;
  /** Round in which each placed instance is ready. */
  readonly readyAt: Map<string, number>;
}

/** Hosts on which each plan is carried out as executors do: one thing changes at a time, and each is a message of the watch. */
class Cluster {
  readonly hosts = new Map<string, Held>([
    ["executor-1", { state: "up", upAt: 0, readyAt: new Map([[FAST, 0]]) }],
  ]);
  /** Hosts with a ready instance that answers the class, at every message. */
  readonly ready: number[] = [];
  /** Rows per second that all of them could answer then, each by the faster of its ready variants. */
  readonly capacity: number[] = [];
  private memory = freshMemory(OPTIONS, 0);
  private round = 0;

  /** Plans and carries out, once a second, while the class asks for so many rows per second. */
  run(rounds: number, perSecond: number): readonly ScalingPlan[] {
    return Array.from({ length: rounds }, () => {
      this.round++;
      this.goOn();
      const demand = [classDemand(perSecond * 60, 60, { objective: "max-accuracy" })];
      const plan = planScaling(
        {
          nowMs: this.round * 1_000,
          catalog,
          pool: hostPool(MOST_HOSTS),
          hosts: [...this.hosts].map(([name, held]) => this.hostOf(name, held)),
          demand,
          demandKnown: true,
          overdueMs: 0,
          startsRestUntilMs: null,
        },
        this.memory,
        OPTIONS,
      );
      this.memory = plan.memory;
      this.carryOut(plan);
      return plan;
    });
  }

  private hostOf(name: string, { state, readyAt }: Held): ScaledHost {
    const placed = new Set(readyAt.keys());
    const ready = new Set([...placed].filter((one) => this.isReady(name, one)));
    const loading = new Set([...placed].filter((one) => !ready.has(one)));
    return { name, state, withdrawn: false, placed, ready, loading, removable: placed };
  }

  private isReady(host: string, one: string): boolean {
    const held = this.hosts.get(host);
    return held?.state === "up" && this.round >= (held.readyAt.get(one) ?? Number.POSITIVE_INFINITY);
  }

  private goOn(): void {
    for (const [name, held] of this.hosts) {
      if (held.state === "draining") this.hosts.delete(name);
      if (held.state === "requested" && this.round >= held.upAt) held.state = "up";
      this.message();
    }
  }

  private carryOut({ changes, placements, unloads }: ScalingPlan): void {
    for (const { kind, host } of changes) {
      const held = this.hosts.get(host);
      if (kind === "start")
        this.hosts.set(host, { state: "requested", upAt: this.round + START_ROUNDS, readyAt: new Map() });
      else if (kind === "cancel") this.hosts.delete(host);
      else if (held !== undefined) held.state = "draining";
      this.message();
    }
    for (const { executor, variant: one } of placements) {
      this.hosts.get(executor)?.readyAt.set(one, this.round + LOAD_ROUNDS);
      this.message();
    }
    for (const { executor, variant: one } of unloads) {
      this.hosts.get(executor)?.readyAt.delete(one);
      this.message();
    }
  }

  private message(): void {
    const rates = [...this.hosts].map(([name, { readyAt }]) =>
      Math.max(0, ...[...readyAt.keys()].map((one) => (this.isReady(name, one) ? (RATES.get(one) ?? 0) : 0))),
    );
    this.ready.push(rates.filter((rate) => rate > 0).length);
    this.capacity.push(rates.reduce((sum, rate) => sum + rate, 0));
  }
}

/** The first line of one of these plans that is of this kind. */
function lineOf(plans: readonly ScalingPlan[], kind: PlanLine["kind"]): PlanLine | undefined {
  return plans.flatMap((plan) => plan.explain()).find((line) => line.kind === kind);
}

describe("planScaling, carried out message by message", () => {
  it("upgrades, replicates, downgrades and upgrades again, each for its price, with no less that is ready than before", () => {
    const cluster = new Cluster();
    const phases = [
      { kind: "upgrade", perSecond: 10, rounds: 10 },
      { kind: "replicate", perSecond: 60, rounds: 20 },
      { kind: "downgrade", perSecond: 300, rounds: 20 },
    ] as const;
    for (const { kind, perSecond, rounds } of phases) {
      const before = { ready: cluster.ready.at(-1) ?? 1, capacity: cluster.capacity.at(-1) ?? 0 };
      const from = cluster.ready.length;
      const plans = cluster.run(rounds, perSecond);
      const line = lineOf(plans, kind);
      expect([kind, line?.because]).toEqual([kind, expect.stringContaining(kind)]);
      expect(line?.usdPerHour).toBeLessThan(line?.unchangedUsdPerHour ?? 0);
      expect(Math.min(...cluster.ready.slice(from))).toBeGreaterThanOrEqual(before.ready);
      expect(Math.min(...cluster.capacity.slice(from))).toBeGreaterThanOrEqual(before.capacity);
      expect(plans.at(-1)?.changes.length).toBe(0);
    }
    // Down again: by the largest need of a hold, one host at a time, and never to none.
    const from = cluster.ready.length;
    const plans = cluster.run(120, 10);
    expect(lineOf(plans, "upgrade")).toBeDefined();
    expect(Math.min(...cluster.ready.slice(from))).toBeGreaterThanOrEqual(1);
    expect([...cluster.hosts.keys()]).toEqual(["executor-1"]);
    expect(plans.at(-1)?.hosts).toMatchObject([{ name: "executor-1", variants: [BEST] }]);
  });
});
