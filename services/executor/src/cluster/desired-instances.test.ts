import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { MemberKind, type RecordSchema, WatchResponseSchema } from "@infaas/api";
import { RecordTable } from "@infaas/cluster";
import { desiredVariants, frontendAddresses, isAccepting } from "./desired-instances";

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

function placement(executor: string, name: string): Put {
  const value = { executor, variant: name, reason: "query" };
  return { key: `placement/${executor}/${name}`, value: { case: "placement", value } };
}

function member(name: string, kind: MemberKind, accepting: boolean): Put {
  return {
    key: `member/${name}`,
    value: { case: "member", value: { name, kind, accepting, address: `${name}:1` } },
  };
}

describe("desiredVariants", () => {
  it("wants what is placed on this executor, with all it needs to run it", () => {
    const records = recordsOf(variant("v"), placement("exec-1", "v"), placement("exec-2", "v"));
    const desired = desiredVariants(records, "exec-1");
    expect(desired.faults).toEqual([]);
    expect(desired.variants).toEqual([
      {
        desiredAtMs: 7,
        spec: {
          architecture: ".v0",
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
    ]);
  });

  it("waits for the record of a variant that is placed before it is known", () => {
    expect(desiredVariants(recordsOf(placement("exec-1", "v")), "exec-1")).toEqual({
      variants: [],
      faults: [],
    });
  });

  it("says all that keeps a variant from running here", () => {
    const records = recordsOf(variant("v", { engine: "tensorrt", threads: 0 }), placement("exec-1", "v"));
    expect(desiredVariants(records, "exec-1")).toEqual({
      variants: [],
      faults: [
        "variant v: engine tensorrt is not built, this executor has onnxruntime; threads 0 is below 1",
      ],
    });
  });
});

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
