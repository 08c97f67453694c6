import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { MemberKind, type RecordSchema, type Variant, VariantSchema, WatchResponseSchema } from "@infaas/api";
import { RecordTable } from "@infaas/cluster";
import { DesiredInstances, type DesiredVariants, frontendAddresses, isAccepting } from "./desired-instances";

type Put = MessageInitShape<typeof RecordSchema>;

function recordsOf(...puts: Put[]): RecordTable {
  const records = new RecordTable();
  const snapshot = { revision: 1n, snapshotBegin: true, snapshotComplete: true, puts };
  records.apply(create(WatchResponseSchema, snapshot), 7);
  return records;
}

function variant(name: string, more: object = {}): Put {
  const runnable = {
    engine: "onnxruntime",
    threads: 2,
    concurrency: 1,
    maxBatch: 8,
    modelDigest: "sha256:1",
  };
  const points = [{ batch: 1, p50Ms: 2 }];
  const profile = { peakMemoryBytes: 1_000n, points };
  return {
    key: `variant/${name}`,
    value: { case: "variant", value: { name, profile, ...runnable, ...more } },
  };
}

interface Entry {
  readonly variant: string;
  readonly generation?: bigint;
  readonly priority?: number;
}

function placement(executor: string, ...entries: readonly (string | Entry)[]): Put {
  const variants = entries.map((entry) =>
    typeof entry === "string" ? { variant: entry, generation: 1n } : { generation: 1n, ...entry },
  );
  return {
    key: `executor-placement/${executor}`,
    value: { case: "executorPlacement", value: { executor, variants } },
  };
}

function member(name: string, kind: MemberKind, accepting: boolean): Put {
  return {
    key: `member/${name}`,
    value: { case: "member", value: { name, kind, accepting, address: `${name}:1` } },
  };
}

/** An executor's picture of a watch: a first snapshot at 7 ms, then messages. */
function follow(...puts: Put[]) {
  const records = new RecordTable();
  const instances = new DesiredInstances("exec-1");
  let revision = 0n;
  const tell = (nowMs: number, message: object): DesiredVariants | null => {
    revision += 1n;
    const changes = records.apply(create(WatchResponseSchema, { revision, ...message }), nowMs);
    return instances.follow(records, changes, nowMs);
  };
  const snapshot = (nowMs: number, all: readonly Put[]) =>
    tell(nowMs, { snapshotBegin: true, snapshotComplete: true, puts: all });
  return {
    first: snapshot(7, puts),
    snapshot,
    put: (nowMs: number, ...changed: Put[]) => tell(nowMs, { puts: changed }),
    drop: (nowMs: number, ...deletedKeys: string[]) => tell(nowMs, { deletedKeys }),
  };
}

const briefly = (desired: DesiredVariants | null) =>
  desired?.variants.map((v) => [v.spec.name, v.desiredAtMs, v.generation, v.priority]);

describe("DesiredInstances", () => {
  it("wants what is placed on this executor, with all it needs to run it", () => {
    const { first } = follow(variant("v"), placement("exec-1", "v"), placement("exec-2", "v"));
    expect(first).toEqual({
      faults: [],
      variants: [
        {
          desiredAtMs: 7,
          generation: 1n,
          priority: 0,
          spec: {
            architecture: ".v0",
            axisLimits: [],
            coreWeight: 1,
            name: "v",
            modelDigest: "sha256:1",
            externalData: [],
            threads: 2,
            concurrency: 1,
            maxBatch: 8,
            unbatched: false,
            measuredAtMs: 0,
            memoryBytes: 1_000,
            latency: [{ batch: 1, latencyMs: 2 }],
            goldenInputs: [],
            goldenInputDims: [],
            goldenOutputs: [],
            goldenTolerance: 0,
            recheck: { tolerance: 1e-4, proven: false },
          },
        },
      ],
    });
  });

  it("waits for the record of a variant that is placed before it is known, and drops one that is gone", () => {
    const { first, put, drop } = follow(placement("exec-1", "v"));
    expect(first).toEqual({ variants: [], faults: [] });
    expect(briefly(put(9, variant("v")))).toEqual([["v", 7, 1n, 0]]);
    expect(briefly(drop(10, "variant/v"))).toEqual([]);
  });

  it("says all that keeps a variant from running here", () => {
    const { first } = follow(variant("v", { engine: "tensorrt", threads: 0 }), placement("exec-1", "v"));
    expect(first).toEqual({
      variants: [],
      faults: [
        "variant v: engine tensorrt is not built, this executor has onnxruntime and kernels; threads 0 is below 1",
      ],
    });
  });

  it("counts as wanted anew what has another generation, and nothing else of the same record", () => {
    const { put } = follow(variant("v"), variant("w"), placement("exec-1", "v", "w"));
    const entries = [
      { variant: "v", generation: 5n },
      { variant: "w", priority: 20 },
    ];
    expect(briefly(put(30, placement("exec-1", ...entries)))).toEqual([
      ["v", 30, 5n, 0],
      ["w", 7, 1n, 20],
    ]);
    expect(briefly(put(40, placement("exec-1", ...entries)))).toEqual([
      ["v", 30, 5n, 0],
      ["w", 7, 1n, 20],
    ]);
  });

  it("keeps the times of what a new snapshot has again", () => {
    const all = [variant("v"), placement("exec-1", "v")];
    expect(briefly(follow(...all).snapshot(99, all))).toEqual([["v", 7, 1n, 0]]);
  });

  it("wants nothing once its placement is gone", () => {
    const { drop } = follow(variant("v"), placement("exec-1", "v"));
    expect(briefly(drop(9, "executor-placement/exec-1"))).toEqual([]);
  });

  describe("with 1,000 instances", () => {
    const names = Array.from({ length: 1_000 }, (_, i) => `v${i}`);
    const all = [
      ...names.map((name) => variant(name)),
      placement("exec-1", ...names),
      placement("exec-2", "v1"),
    ];

    it.each<[string, Put]>([
      ["a member", member("f", MemberKind.FRONTEND, true)],
      ["the placement of another executor", placement("exec-2", "v2", "v3")],
      ["a variant that is not placed here", variant("other")],
    ])("does nothing about %s", (_, changed) => {
      expect(follow(...all).put(9, changed)).toBeNull();
    });

    it("builds the spec of the variant that changed, and no other", () => {
      const { first, put } = follow(...all);
      const reads = new Map<string, number>();
      const counted = (name: string): Put => ({
        ...variant(name),
        value: { case: "variant", value: countReads(name, reads) },
      });
      const second = put(9, counted("v7"));
      expect(second?.variants).toHaveLength(1_000);
      const kept = second?.variants.filter((v, i) => v.spec === first?.variants[i]?.spec);
      expect(kept).toHaveLength(999);
      const once = reads.get("v7") ?? 0;
      expect(once).toBeGreaterThan(0);
      put(10, placement("exec-1", ...names.slice(1)));
      expect(reads.get("v7")).toBe(once);
    });
  });
});

/** A variant that counts how often its model file is asked for: each spec that is built asks. */
function countReads(name: string, reads: Map<string, number>): Variant {
  const value = create(VariantSchema, {
    name,
    engine: "onnxruntime",
    threads: 1,
    concurrency: 1,
    maxBatch: 1,
  });
  Object.defineProperty(value, "modelDigest", {
    enumerable: true,
    get: () => {
      reads.set(name, (reads.get(name) ?? 0) + 1);
      return "sha256:1";
    },
  });
  return value;
}

describe("frontendAddresses", () => {
  it("are those of frontends only", () => {
    const records = recordsOf(
      member("f", MemberKind.FRONTEND, false),
      member("e", MemberKind.EXECUTOR, true),
    );
    expect(frontendAddresses(records)).toEqual(["f:1"]);
  });
});

describe("isAccepting", () => {
  it.each([true, false])("is what the cluster says: %s", (accepting) => {
    expect(isAccepting(recordsOf(member("e", MemberKind.EXECUTOR, accepting)), "e")).toBe(accepting);
  });

  it("is true until it says anything", () => {
    expect(isAccepting(recordsOf(), "e")).toBe(true);
  });
});
