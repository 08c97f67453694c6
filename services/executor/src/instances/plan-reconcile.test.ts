import { type DesiredInstance, type HeldInstance, LOADS_AT_ONCE_MAX, planReconcile } from "./plan-reconcile";

const memory = { totalBytes: 100 };

function want(key: string, memoryBytes: number, desiredAtMs = 0, priority = 0): DesiredInstance {
  return { key, variant: variantOf(key), memoryBytes, desiredAtMs, priority };
}

function hold(key: string, memoryBytes: number, more: Partial<HeldInstance> = {}): HeldInstance {
  const idle = { usedAtMs: 0, inFlight: 0, retryAtMs: 0 };
  return { key, variant: variantOf(key), phase: "ready", memoryBytes, ...idle, ...more };
}

/** `a|x` is variant a, loaded in the way x. */
function variantOf(key: string): string {
  return key.split("|")[0] ?? key;
}

describe("planReconcile", () => {
  it("loads what is desired and absent", () => {
    const plan = planReconcile([want("a", 10)], [], memory, 0);
    expect(plan).toEqual({ load: ["a"], drain: [], short: [], againAtMs: null });
  });

  it("drains what is held and not desired, in use or not", () => {
    const held = [hold("a", 10, { inFlight: 3 }), hold("b", 10), hold("c", 10, { phase: "loading" })];
    expect(planReconcile([want("b", 10)], held, memory, 0).drain).toEqual(["a", "c"]);
  });

  it("does nothing when all that is desired is loaded", () => {
    const plan = planReconcile([want("a", 10)], [hold("a", 10)], memory, 0);
    expect(plan).toEqual({ load: [], drain: [], short: [], againAtMs: null });
  });

  it("loads no more than a few at once, most recently desired first", () => {
    const desired = [want("a", 1, 1), want("b", 1, 3), want("c", 1, 2)];
    expect(planReconcile(desired, [], memory, 5).load).toEqual(["b", "c"]);
    expect(LOADS_AT_ONCE_MAX).toBe(2);
  });

  it("counts running loads against that bound", () => {
    const held = [hold("x", 1, { phase: "loading" }), hold("y", 1, { phase: "probing" })];
    expect(planReconcile([want("a", 1), want("x", 1), want("y", 1)], held, memory, 0).load).toEqual([]);
  });

  describe("when a load failed", () => {
    const failed = hold("a", 0, { phase: "failed", retryAtMs: 50 });

    it("waits for its time and says when that is", () => {
      expect(planReconcile([want("a", 10)], [failed], memory, 49)).toMatchObject({ load: [], againAtMs: 50 });
    });

    it("tries again then", () => {
      expect(planReconcile([want("a", 10)], [failed], memory, 50)).toMatchObject({
        load: ["a"],
        againAtMs: null,
      });
    });

    it("forgets it when it is not desired any more", () => {
      expect(planReconcile([], [failed], memory, 0).drain).toEqual(["a"]);
    });
  });

  describe("when a variant is to be loaded in another way", () => {
    const desired = [want("a|new", 40)];
    const old = hold("a|old", 40);

    it("lets the old one answer until the new one does", () => {
      expect(planReconcile(desired, [old], memory, 0)).toMatchObject({ load: ["a|new"], drain: [] });
      const loading = [old, hold("a|new", 40, { phase: "loading" })];
      expect(planReconcile(desired, loading, memory, 0).drain).toEqual([]);
      expect(planReconcile(desired, [old, hold("a|new", 40)], memory, 0).drain).toEqual(["a|old"]);
    });

    it("keeps the old one where the new one cannot be loaded", () => {
      const failed = [old, hold("a|new", 0, { phase: "failed", retryAtMs: 50 })];
      expect(planReconcile(desired, failed, memory, 0).drain).toEqual([]);
    });

    it("drains the old one first where memory is not enough for both", () => {
      const large = hold("a|old", 70);
      expect(planReconcile(desired, [large], memory, 0)).toMatchObject({ load: [], drain: ["a|old"] });
    });
  });

  describe("when memory is short", () => {
    it("evicts the least recently used idle instance and loads when it is gone", () => {
      const held = [hold("old", 60, { usedAtMs: 5 }), hold("new", 40, { usedAtMs: 9 })];
      const desired = [want("old", 60), want("new", 40), want("a", 50, 20)];
      expect(planReconcile(desired, held, memory, 20)).toMatchObject({ load: [], drain: ["old"], short: [] });
      const later = [hold("new", 40, { usedAtMs: 9 })];
      expect(planReconcile(desired, later, memory, 21)).toMatchObject({ load: ["a"], drain: [] });
    });

    it("evicts no more while enough is leaving already", () => {
      const held = [hold("old", 60, { phase: "draining" }), hold("new", 40, { usedAtMs: 9 })];
      expect(planReconcile([want("new", 40), want("a", 50, 20)], held, memory, 20).drain).toEqual([]);
    });

    it.each<[string, Partial<HeldInstance>]>([
      ["answers queries", { inFlight: 1 }],
      ["is loading", { phase: "loading" }],
      ["is being probed", { phase: "probing" }],
      ["was used after the new one was desired", { usedAtMs: 30 }],
    ])("never evicts an instance that %s", (_, more) => {
      const plan = planReconcile([want("b", 80), want("a", 50, 20)], [hold("b", 80, more)], memory, 40);
      expect(plan).toMatchObject({
        load: [],
        drain: [],
        short: [{ key: "a", neededBytes: 50, availableBytes: 20 }],
      });
    });

    it("does not bring an evicted one back before it is desired anew", () => {
      const held = [hold("new", 80, { usedAtMs: 21 })];
      const plan = planReconcile([want("old", 60, 1), want("new", 80, 20)], held, memory, 100);
      expect(plan).toMatchObject({ load: [], drain: [], short: [{ key: "old" }] });
      const again = planReconcile([want("old", 60, 100), want("new", 80, 20)], held, memory, 101);
      expect(again.drain).toEqual(["new"]);
    });

    describe("with priorities", () => {
      it("evicts what has less, however lately it was used, and before what has the same", () => {
        const held = [hold("low", 60, { usedAtMs: 50 }), hold("same", 40, { usedAtMs: 1 })];
        const desired = [want("low", 60, 0, 0), want("same", 40, 0, 10), want("a", 50, 20, 10)];
        expect(planReconcile(desired, held, memory, 60).drain).toEqual(["low"]);
        const more = [want("low", 60, 0, 0), want("same", 40, 0, 10), want("a", 90, 20, 10)];
        expect(planReconcile(more, held, memory, 60).drain).toEqual(["low", "same"]);
      });

      it("never evicts what has more, idle for however long, and says what that leaves", () => {
        const held = [hold("serving", 80, { usedAtMs: 1 })];
        const desired = [want("serving", 80, 0, 20), want("a", 50, 1e6, 10)];
        expect(planReconcile(desired, held, memory, 1e6)).toMatchObject({
          load: [],
          drain: [],
          short: [{ key: "a", neededBytes: 50, availableBytes: 20 }],
        });
      });

      it("keeps an instance in use, whatever its priority", () => {
        const held = [hold("low", 80, { inFlight: 1 })];
        const desired = [want("low", 80, 0, 0), want("a", 50, 1, 20)];
        expect(planReconcile(desired, held, memory, 2).drain).toEqual([]);
      });

      it("loads what has more first", () => {
        const desired = [want("a", 1, 9, 0), want("b", 1, 1, 20), want("c", 1, 2, 10)];
        expect(planReconcile(desired, [], memory, 10).load).toEqual(["b", "c"]);
      });

      it("gives what answers until its variant is loaded in another way that variant's priority", () => {
        const held = [hold("a|old", 60, { usedAtMs: 1 })];
        const desired = [want("a|new", 40, 1, 20), want("b", 80, 5, 10)];
        expect(planReconcile(desired, held, memory, 6)).toMatchObject({ load: ["a|new"], drain: [] });
      });

      it("never has two evict each other in turn", () => {
        const desired = [want("a", 80, 1, 10), want("b", 80, 2, 20)];
        const first = planReconcile(desired, [hold("a", 80, { usedAtMs: 90 })], memory, 100);
        expect(first.drain).toEqual(["a"]);
        expect(planReconcile(desired, [hold("b", 80)], memory, 101)).toMatchObject({
          load: [],
          drain: [],
          short: [{ key: "a" }],
        });
      });
    });

    it("names a variant larger than the host as short and evicts nothing for it", () => {
      const plan = planReconcile([want("b", 50), want("a", 101, 9)], [hold("b", 50)], memory, 10);
      expect(plan).toMatchObject({ drain: [], short: [{ key: "a", neededBytes: 101, availableBytes: 100 }] });
    });

    it("gives the same memory to one variant only", () => {
      const plan = planReconcile([want("a", 60, 2), want("b", 60, 1)], [], memory, 3);
      expect(plan).toMatchObject({ load: ["a"], short: [{ key: "b", neededBytes: 60, availableBytes: 40 }] });
    });

    it("never plans more memory than there is, whatever is held and desired", () => {
      const random = lcg(7);
      for (let round = 0; round < 2_000; round += 1) {
        const held = Array.from({ length: 5 }, (_, i) =>
          hold(`h${i}`, Math.floor(random() * 30), {
            usedAtMs: Math.floor(random() * 10),
            inFlight: random() < 0.3 ? 1 : 0,
            phase: random() < 0.2 ? "draining" : "ready",
          }),
        );
        const desired = Array.from({ length: 6 }, (_, i) =>
          want(i < 3 ? `h${i}` : `n${i}`, Math.floor(random() * 60), Math.floor(random() * 12)),
        );
        const plan = planReconcile(desired, held, memory, 20);
        const heldBytes = held.reduce((sum, h) => sum + h.memoryBytes, 0);
        const loadBytes = desired
          .filter((w) => plan.load.includes(w.key))
          .reduce((sum, w) => sum + w.memoryBytes, 0);
        if (plan.load.length > 0) expect(heldBytes + loadBytes).toBeLessThanOrEqual(memory.totalBytes);
        for (const key of plan.drain) {
          const victim = held.find((h) => h.key === key);
          const isDesired = desired.some((w) => w.key === key);
          expect(isDesired && (victim?.inFlight ?? 0) > 0).toBe(false);
        }
      }
    });
  });
});

function lcg(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}
