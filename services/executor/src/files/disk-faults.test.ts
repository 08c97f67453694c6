import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  ArtifactService,
  ClusterService,
  ExecutionService,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  type RegistrationResult,
  RegistryService,
  TensorProtoSchema,
} from "@infaas/api";
import { ArtifactClient } from "@infaas/cluster";
import { createNode } from "@infaas/onnx";
import { graphFile } from "@infaas/onnx/testing/graph-models";
import { Code, createRpcClient, ServiceError } from "@infaas/runtime";
import { diskFaults, FaultyDisk } from "@infaas/runtime/testing/disk-faults";
import { ClusterView } from "../testing/cluster-view";
import { GrpcCaller } from "../testing/link-caller";
import { ServiceProcess } from "../testing/service-process";

/** Rounds with a fault of a test run; INFAAS_DISK_FAULTS=all tries all. */
const ROUNDS_TRIED = 3;
jest.setTimeout(process.env.INFAAS_DISK_FAULTS === "all" ? 3_600_000 : 240_000);
const allowed: readonly Code[] = [Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE, Code.INTERNAL];

/** y = x + w, where w lies in a file of its own. */
function addModel(): Uint8Array {
  const weights = create(TensorProtoSchema, {
    name: "w",
    dims: [2n],
    dataType: 1,
    dataLocation: 1,
    externalData: [{ key: "location", value: "w.bin" }],
  });
  return graphFile({
    inputs: [{ name: "x", datatype: "FP32", dims: ["N", 2] }],
    outputs: [{ name: "y", datatype: "FP32", dims: ["N", 2] }],
    nodes: [createNode("Add", { inputs: ["x", "w"], outputs: ["y"] })],
    constants: [weights],
  });
}

function floats(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.of(...values).buffer);
}

/** An executor on a disk that fails when it is told to, with a metadata service on one that does not. */
class FaultyExecutor {
  private readonly opened: { close(): void }[] = [];
  private calls = 0;
  private round = 0;
  readonly view: ClusterView;
  private readonly registry;
  private readonly cluster;
  private readonly artifacts;
  private readonly execution;

  constructor(
    metadata: ServiceProcess,
    private readonly executor: ServiceProcess,
  ) {
    const keep = <T extends { close(): void }>(client: T): T => {
      this.opened.push(client);
      return client;
    };
    this.registry = keep(createRpcClient(RegistryService, metadata.address));
    this.cluster = keep(createRpcClient(ClusterService, metadata.address));
    this.artifacts = new ArtifactClient(keep(createRpcClient(ArtifactService, metadata.address)));
    this.execution = keep(createRpcClient(ExecutionService, executor.address));
    this.view = keep(new ClusterView(this.cluster));
  }

  get ending(): string | number | null {
    const { exitCode, signalCode } = this.executor.child;
    return signalCode ?? exitCode;
  }

  /** Uploads a model that nobody has profiled yet. */
  async nextModel() {
    this.round += 1;
    const modelDigest = await this.artifacts.uploadBytes(addModel());
    const digest = await this.artifacts.uploadBytes(floats(this.round, 10));
    const name = `add-${this.round}`;
    const task = { name: `model/${name}`, metric: "none" };
    const externalData = [{ name: "w.bin", digest }];
    return { task, architecture: { name, task: task.name, version: 1, modelDigest, externalData } };
  }

  async profile(model: Awaited<ReturnType<FaultyExecutor["nextModel"]>>): Promise<RegistrationResult> {
    for await (const { event } of this.execution.profileModel({ ...model, retry: true }))
      if (event.case === "result") return event.value;
    throw new Error("profiling ended without a result");
  }

  /** Records what was profiled; returns its variants' names. */
  async record({ architecture, variants }: RegistrationResult, task: object): Promise<string[]> {
    await this.registry.putTaskRecord({ task });
    await this.registry.putArchitecture({ architecture: architecture! });
    await this.registry.putVariants({ architecture: architecture!.name, version: 1, variants });
    return variants.map(({ name }) => name);
  }

  async place(variant: string, wanted: boolean): Promise<void> {
    await this.cluster.setPlacement({
      placements: [{ executor: "exec-1", variant, reason: "operator" }],
      wanted,
    });
  }

  /** What a variant answers to [1, 2]. */
  async answer(variant: string): Promise<number[]> {
    const caller = new GrpcCaller(this.executor.address);
    const id = ++this.calls;
    const inputs = [{ name: "x", datatype: "FP32", shape: [1n, 2n] }];
    const request = create(ModelInferRequestSchema, {
      modelName: variant,
      inputs,
      rawInputContents: [floats(1, 2)],
    });
    const body = toBinary(ModelInferRequestSchema, request);
    caller.send({ type: "infer", id, timeoutMs: 0, lane: 0, trace: null, variant, body });
    const frame = await caller.answerTo(id);
    caller.close();
    if (frame.type !== "answer") throw new Error(JSON.stringify(frame));
    const [bytes] = fromBinary(ModelInferResponseSchema, frame.body).rawOutputContents;
    return [...new Float32Array(Uint8Array.from(bytes ?? []).buffer)];
  }

  close(): void {
    for (const client of this.opened) client.close();
  }
}

describe("an executor process whose disk fails", () => {
  it("lives, answers, refuses with the reason, and goes on", async () => {
    const folder = await mkdtemp(join(tmpdir(), "infaas-faults-executor-"));
    const dataDir = join(folder, "executor");
    const disk = FaultyDisk.for([dataDir]);
    if (disk === null) return;
    const metadata = await ServiceProcess.start(
      "metadata",
      "--listen",
      "127.0.0.1:0",
      "--store",
      "memory",
      "--data-dir",
      join(folder, "metadata"),
    );
    const place = ["--listen", "127.0.0.1:0", "--metadata", metadata.address, "--data-dir", dataDir];
    const executor = await ServiceProcess.startBuilt(
      "executor",
      disk.environment,
      "--name",
      "exec-1",
      "--cores",
      "1",
      ...place,
    );
    const system = new FaultyExecutor(metadata, executor);
    try {
      const first = await system.nextModel();
      const variants = await system.record(await system.profile(first), first.task);
      const [bystander = "", loaded = ""] = variants;
      await system.place(bystander, true);
      await system.view.until(`${bystander} READY`);
      // A round: one model is profiled, and a variant of another is loaded and unloaded.
      const round = async () => {
        const model = await system.nextModel();
        const profiled = await system.profile(model).then(
          () => null,
          (error) => ServiceError.from(error),
        );
        await system.place(loaded, true);
        return { model, profiled };
      };
      disk.count();
      expect((await round()).profiled).toBeNull();
      await system.view.until(`${bystander} READY`, `${loaded} READY`);
      const { writes } = disk;
      expect(writes).toBeGreaterThan(10);
      for (const fault of diskFaults(writes, ROUNDS_TRIED)) {
        await system.place(loaded, false);
        await system.view.until(`${bystander} READY`);
        disk.fail(fault);
        const { model, profiled } = await round();
        const at = `${fault.error} at write ${fault.first}: ${disk.firstFailure}`;
        expect([at, system.ending]).toEqual([at, null]);
        if (profiled !== null) {
          const refusal = { at, code: profiled.code, message: profiled.message };
          expect(refusal).toMatchObject({ message: expect.stringMatching(/ENOSPC|EIO/) });
          expect(allowed).toContain(profiled.code);
        }
        expect([at, await system.answer(bystander)]).toEqual([at, [2, 12]]);
        disk.stop();
        await system.view.until(`${bystander} READY`, `${loaded} READY`);
        expect([at, await system.answer(loaded)]).toEqual([at, [2, 12]]);
        expect((await system.profile(model)).variants.length).toBeGreaterThan(0);
      }
      expect((await executor.stop("SIGTERM")).exitCode).toBe(0);
    } finally {
      system.close();
      await Promise.all([executor, metadata].map((process) => process.stop("SIGKILL")));
      disk.remove();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
