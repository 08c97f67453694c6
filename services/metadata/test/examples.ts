import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AccuracyOrigin,
  type Architecture,
  ArchitectureSchema,
  DeviceKind,
  type Member,
  MemberKind,
  MemberSchema,
  Precision,
  type Task,
  TaskSchema,
  type Variant,
  VariantSchema,
  type WatchResponse,
} from "@infaas/api";

/** A digest of no file in particular. */
export const someDigest = `sha256:${"a".repeat(64)}`;

/** A sound task; fields given replace those of the example. */
export function exampleTask(fields: MessageInitShape<typeof TaskSchema> = {}): Task {
  return create(TaskSchema, { name: "digits/test", metric: "accuracy", labels: ["0", "1"], ...fields });
}

/** A sound architecture of that task. */
export function exampleArchitecture(fields: MessageInitShape<typeof ArchitectureSchema> = {}): Architecture {
  return create(ArchitectureSchema, {
    name: "mlp",
    task: "digits/test",
    inputs: [{ name: "x", datatype: "FP32", shape: [-1n, 4n] }],
    outputs: [{ name: "y", datatype: "FP32", shape: [-1n, 2n] }],
    batchable: true,
    modelDigest: someDigest,
    accuracyTolerance: 0.01,
    ...fields,
  });
}

/** A sound variant of the first version of that architecture. */
export function exampleVariant(fields: MessageInitShape<typeof VariantSchema> = {}): Variant {
  return create(VariantSchema, {
    name: "mlp-fp32",
    architecture: "mlp",
    task: "digits/test",
    version: 1,
    engine: "onnxruntime",
    deviceKind: DeviceKind.CPU,
    precision: Precision.FP32,
    threads: 1,
    concurrency: 1,
    maxBatch: 8,
    modelDigest: someDigest,
    accuracy: { value: 0.9, metric: "accuracy", dataset: "stated", origin: AccuracyOrigin.DECLARED },
    profile: {
      points: [
        { batch: 1, p50Ms: 1, p95Ms: 1.2, p99Ms: 1.5 },
        { batch: 8, p50Ms: 4, p95Ms: 5, p99Ms: 6 },
      ],
      alphaMs: 0.6,
      betaMs: 0.4,
      loadMs: 20,
      peakMemoryBytes: 1_000_000n,
      saturationPerSecond: 2000,
      hostType: "local-cpu",
    },
    goldenInputs: [new Uint8Array(16)],
    goldenOutputs: [new Uint8Array(8)],
    goldenTolerance: 1e-5,
    ...fields,
  });
}

/** An executor that may join. */
export function executorMember(name: string, fields: MessageInitShape<typeof MemberSchema> = {}): Member {
  return create(MemberSchema, {
    name,
    kind: MemberKind.EXECUTOR,
    address: "127.0.0.1:8201",
    hostType: "local-cpu",
    cores: 2,
    memoryBytes: 1n << 30n,
    deviceKinds: [DeviceKind.CPU],
    accepting: true,
    incarnation: `${name}-life-1`,
    ...fields,
  });
}

/** A frontend that may join. */
export function frontendMember(name: string): Member {
  return create(MemberSchema, {
    name,
    kind: MemberKind.FRONTEND,
    address: "127.0.0.1:8001",
    incarnation: name,
  });
}

/** A consumer of Watch as the contract describes it: keeps every record, replaced by each snapshot. */
export class Watching {
  readonly #records = new Map<string, string>();
  readonly #waiting = new Set<() => void>();
  revision = 0n;
  complete = false;
  snapshots = 0;
  /** How the stream ended: `closed`, or the error. */
  ended: unknown = null;

  constructor(stream: AsyncIterable<WatchResponse>) {
    void this.#follow(stream);
  }

  keys(): string[] {
    return [...this.#records.keys()].sort();
  }

  kinds(): string[] {
    return [...this.#records.values()].sort();
  }

  /** Resolves once `holds` is true; looks again at every message. */
  until(holds: (watching: Watching) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!holds(this)) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  async #follow(stream: AsyncIterable<WatchResponse>): Promise<void> {
    try {
      for await (const message of stream) this.#take(message);
      this.ended = "closed";
    } catch (error) {
      this.ended = error;
    }
    for (const check of [...this.#waiting]) check();
  }

  #take(message: WatchResponse): void {
    if (message.snapshotBegin) {
      this.#records.clear();
      this.snapshots++;
      this.complete = false;
    }
    for (const { key, value } of message.puts) this.#records.set(key, value.case ?? "nothing");
    for (const key of message.deletedKeys) this.#records.delete(key);
    if (message.snapshotComplete) this.complete = true;
    this.revision = message.revision;
    for (const check of [...this.#waiting]) check();
  }
}
