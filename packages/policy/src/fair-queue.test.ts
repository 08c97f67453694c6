import {
  type FairPlace,
  type FairQuery,
  FairQueue,
  fairWindowRows,
  TENANT_ACTIVE_MS,
  TENANT_WAITING_MAX,
} from "./fair-queue";

const queryOf = (tenant: string, rows = 1): FairQuery => ({ tenant, rows, turn: () => undefined });
/** Admits a query that may wait as long as it must. */
const admitted = (queue: FairQueue, query: FairQuery, nowMs = 0): FairPlace => {
  const place = queue.admit(query, nowMs);
  if (place.kind === "refuse") throw new Error(`refused: ${place.reason}`);
  return place;
};
const verdictOf = ({ kind }: FairPlace) => (kind === "sent" ? "send" : "wait");
const send = (queue: FairQueue, tenant: string, count: number, nowMs = 0) =>
  Array.from({ length: count }, () => {
    const entry = admitted(queue, queryOf(tenant), nowMs);
    return { entry, verdict: verdictOf(entry) };
  });
/** Of an instance so slow that its burst is less than one row. */
const SLOW_ROW_MS = 1_000;
const verdicts = (sent: readonly { verdict: string }[]) => sent.map((s) => s.verdict);

describe("FairQueue", () => {
  it("lets a tenant alone pass, however much it sends", () => {
    const queue = new FairQueue(4, 1);
    expect(new Set(verdicts(send(queue, "a", 10_000)))).toEqual(new Set(["send"]));
  });

  describe("when several tenants share", () => {
    it("gives the window to whoever comes, and beyond it each its own share", () => {
      const queue = new FairQueue(4, SLOW_ROW_MS);
      send(queue, "b", 1);
      expect(verdicts(send(queue, "a", 5))).toEqual(["send", "send", "send", "wait", "wait"]);
      expect(verdicts(send(queue, "b", 3))).toEqual(["send", "send", "wait"]);
    });

    it("lets a tenant that was given less than one that waits send a burst, and no more", () => {
      const rowMs = 10;
      const queue = new FairQueue(4, rowMs);
      send(queue, "calm", 1);
      send(queue, "storm", 100);
      const burst = send(queue, "calm", 20);
      const passed = verdicts(burst).indexOf("wait");
      expect(passed).toBeGreaterThanOrEqual(100 / rowMs);
      expect(passed).toBeLessThanOrEqual(100 / rowMs + 2);
      expect(burst.slice(0, passed).every(({ entry }) => !entry.spare)).toBe(true);
    });

    it("marks what a tenant over its share sends", () => {
      const queue = new FairQueue(4, 1);
      const [only] = send(queue, "calm", 1) as { entry: FairPlace }[];
      const [first] = send(queue, "storm", 100) as { entry: FairPlace }[];
      queue.leave(only!.entry);
      queue.leave(first!.entry);
      expect(queue.next()).toMatchObject({ query: { tenant: "storm" }, spare: true });
      expect(send(queue, "calm", 1)[0]?.entry.spare).toBe(false);
    });

    it("takes a larger window at the next turn", () => {
      const queue = new FairQueue(2, 1);
      send(queue, "b", 1);
      send(queue, "a", 9);
      expect(queue.next()).toBeNull();
      queue.resize(4);
      const taken = [queue.next(), queue.next(), queue.next()];
      expect(taken.filter((entry) => entry !== null)).toHaveLength(2);
    });

    it("lets go first who has had least, and each tenant's own in order", () => {
      const queue = new FairQueue(2, SLOW_ROW_MS);
      const [b] = send(queue, "b", 1);
      const a = send(queue, "a", 4);
      const b2 = send(queue, "b", 2);
      expect(verdicts(b2)).toEqual(["send", "wait"]);
      const order: string[] = [];
      for (const done of [a[0], b, a[1], b2[0], a[2]] as { entry: FairPlace }[]) {
        queue.leave(done.entry);
        for (let entry = queue.next(); entry !== null; entry = queue.next()) {
          const from = a.some((s) => s.entry === entry) ? a : b2;
          order.push(`${entry.query.tenant}${from.findIndex((s) => s.entry === entry)}`);
        }
      }
      expect(order).toEqual(["a1", "a2", "b1", "a3"]);
    });

    it("bounds the line of each, and says when to come again", () => {
      const queue = new FairQueue(2, 3);
      send(queue, "b", 1);
      send(queue, "a", 1 + TENANT_WAITING_MAX);
      expect(queue.admit(queryOf("a"), 0)).toEqual({
        kind: "refuse",
        reason: "line-full",
        waiting: TENANT_WAITING_MAX,
        waitMs: (TENANT_WAITING_MAX + 1) * 3 * 2,
      });
      expect(verdicts(send(queue, "c", 1))).toEqual(["send"]);
    });

    it("lets nobody wait who would be late", () => {
      const queue = new FairQueue(2, 3);
      send(queue, "b", 1);
      send(queue, "a", 2);
      expect(queue.admit(queryOf("a"), 0, 11)).toMatchObject({ reason: "too-late", waitMs: 12 });
      expect(queue.admit(queryOf("a"), 0, 12).kind).toBe("waiting");
    });

    it("hands over turns one by one, also when one that is handed over ends at once", () => {
      const queue = new FairQueue(2, 1);
      send(queue, "b", 1);
      const handed: number[] = [];
      const turn = (id: number) => {
        handed.push(id);
        queue.leave(places[id]!);
        queue.takeTurns();
      };
      const places = [0, 1, 2, 3].map((id) => admitted(queue, { ...queryOf("a"), turn: () => turn(id) }));
      queue.leave(places[0]!);
      queue.takeTurns();
      expect(handed).toEqual([1, 2, 3]);
    });

    it("forgets who gave up, wherever he stood in the line", () => {
      const queue = new FairQueue(2, 1);
      send(queue, "b", 1);
      const [first, second, third, fourth] = send(queue, "a", 4) as { entry: FairPlace }[];
      queue.leave(third!.entry);
      queue.leave(second!.entry);
      queue.leave(second!.entry);
      queue.leave(first!.entry);
      expect(queue.next()).toBe(fourth!.entry);
      expect(queue.next()).toBeNull();
    });

    it("sends a query larger than a share when its tenant has nothing there", () => {
      const queue = new FairQueue(4, 1);
      send(queue, "b", 1);
      const large = admitted(queue, queryOf("a", 64));
      expect(large.kind).toBe("sent");
      expect(admitted(queue, queryOf("a")).kind).toBe("waiting");
      queue.leave(large);
      expect(queue.next()?.query.rows).toBe(1);
    });

    it("stops counting a tenant that has been silent", () => {
      const queue = new FairQueue(4, 1);
      const [only] = send(queue, "b", 1);
      queue.leave(only!.entry);
      send(queue, "a", 4);
      expect(verdicts(send(queue, "a", 1, TENANT_ACTIVE_MS - 1))).toEqual(["wait"]);
      send(queue, "a", 1, TENANT_ACTIVE_MS);
      expect(queue.tenants).toBe(1);
      expect(queue.next()).not.toBeNull();
      expect(queue.next()).not.toBeNull();
    });
  });
});

interface Simulated {
  readonly entry: FairPlace;
  readonly atMs: number;
  readonly tenant: string;
}

/** As the batcher's lanes: what is within its tenant's share first, then what is not. */
function takeBatch(there: readonly Simulated[], rows: number): readonly Simulated[] {
  const within = there.filter(({ entry }) => !entry.spare);
  return [...within, ...there.filter(({ entry }) => entry.spare)].slice(0, rows);
}

/** Where nothing is shared out. */
const UNQUEUED: FairPlace = { kind: "sent", query: queryOf("any"), spare: false };

/** One engine that batches whatever is there, in virtual time. */
function simulate(o: {
  readonly goodLoad: number;
  readonly stormLoad: number;
  readonly fair: boolean;
  readonly forMs?: number;
}) {
  const bestBatch = 8;
  const batchMs = (rows: number) => 2 + 0.5 * rows;
  const perMs = bestBatch / batchMs(bestBatch);
  const { forMs = 20_000 } = o;
  const random = draws(7);
  const arrivals = [
    ...poisson("good", { perMs: o.goodLoad * perMs, forMs, random }),
    ...poisson("storm", { perMs: o.stormLoad * perMs, forMs, random }),
  ].sort((a, b) => a.atMs - b.atMs);
  const queue = new FairQueue(
    fairWindowRows({ engines: 1, bestBatch, rowMs: 1 / perMs, hopMs: 0 }),
    1 / perMs,
  );
  const device: Simulated[] = [];
  const held = new Map<FairPlace, Simulated>();
  const latencies = { good: [] as number[], storm: [] as number[] };
  let freeAtMs = 0;
  const run = (untilMs: number) => {
    while (device.length > 0 && Math.max(freeAtMs, device[0]!.atMs) < untilMs) {
      const startMs = Math.max(freeAtMs, device[0]!.atMs);
      const batch = takeBatch(
        device.filter((query) => query.atMs <= startMs),
        bestBatch,
      );
      for (const query of batch) device.splice(device.indexOf(query), 1);
      freeAtMs = startMs + batchMs(batch.length);
      for (const { entry, atMs, tenant } of batch) {
        latencies[tenant as keyof typeof latencies].push(freeAtMs - atMs);
        if (!o.fair) continue;
        queue.leave(entry);
        for (let next = queue.next(); next !== null; next = queue.next()) {
          device.push(held.get(next)!);
          held.delete(next);
        }
      }
    }
  };
  for (const { tenant, atMs } of arrivals) {
    run(atMs);
    const admission = o.fair ? queue.admit(queryOf(tenant), atMs) : UNQUEUED;
    if (admission.kind === "refuse") continue;
    const query = { entry: admission, atMs, tenant };
    if (admission.kind === "sent") device.push(query);
    else held.set(admission, query);
  }
  run(Number.POSITIVE_INFINITY);
  const sorted = latencies.good.sort((a, b) => a - b);
  return { p99Ms: sorted[Math.floor(sorted.length * 0.99)]!, served: latencies };
}

/**
 * Uniform in (0, 1), the same for the same seed (Lehmer's generator with the multiplier of Park and Miller).
 */
function draws(seed: number): () => number {
  const modulus = 2 ** 31 - 1;
  let state = seed;
  return () => {
    state = (state * 48_271) % modulus;
    return state / modulus;
  };
}

function poisson(tenant: string, o: { perMs: number; forMs: number; random: () => number }) {
  const arrivals: { tenant: string; atMs: number }[] = [];
  const gapMs = () => -Math.log(1 - o.random()) / o.perMs;
  for (let atMs = gapMs(); atMs < o.forMs; atMs += gapMs()) arrivals.push({ tenant, atMs });
  return arrivals;
}

describe("a tenant that always has half a window on its way", () => {
  it("does not starve one that waits, though it never waits itself", () => {
    const rowMs = 1;
    const queue = new FairQueue(16, rowMs);
    const served = { hog: 0, patient: 0 };
    const device: FairPlace[] = [];
    const admit = (tenant: "hog" | "patient") => {
      const place = queue.admit(queryOf(tenant), 0);
      if (place.kind === "sent") device.push(place);
    };
    for (let i = 0; i < 7; i++) admit("hog");
    for (let i = 0; i < 1_000; i++) admit("patient");
    for (let row = 0; row < 2_000 && device.length > 0; row++) {
      const first = device.find((entry) => !entry.spare) ?? device[0]!;
      device.splice(device.indexOf(first), 1);
      served[first.query.tenant as keyof typeof served]++;
      queue.leave(first);
      admit(first.query.tenant as keyof typeof served);
      for (let next = queue.next(); next !== null; next = queue.next()) device.push(next);
    }
    expect(served.patient).toBeGreaterThan(800);
    expect(served.hog).toBeGreaterThan(800);
  });
});

describe("a storm of ten times its share, in virtual time", () => {
  const share = 0.5;
  const atShare = simulate({ goodLoad: 0.8 * share, stormLoad: share, fair: true });
  const storm = simulate({ goodLoad: 0.8 * share, stormLoad: 10 * share, fair: true });

  it("moves the other's p99 by less than a tenth", () => {
    expect(storm.p99Ms).toBeLessThan(1.1 * atShare.p99Ms);
  });

  it("would have ruined it without", () => {
    const unfair = simulate({ goodLoad: 0.8 * share, stormLoad: 10 * share, fair: false, forMs: 2_000 });
    expect(unfair.p99Ms).toBeGreaterThan(10 * storm.p99Ms);
  });

  it("is still given everything that the other leaves", () => {
    expect(storm.served.storm.length).toBeGreaterThan(1.1 * atShare.served.storm.length);
  });
});
