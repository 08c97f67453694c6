import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import {
  ArtifactService,
  ClusterService,
  ExecutionService,
  type Frame,
  ModelInferResponseSchema,
  type OutgoingFrame,
  type ProfileModelResponse,
  type RegistrationResult,
  RegistryService,
  type Variant,
} from "@infaas/api";
import { ArtifactClient } from "@infaas/cluster";
import { encodeModel } from "@infaas/onnx";
import { Code, createRpcClient, ServiceError, sleep, systemClock } from "@infaas/runtime";
import { endlessModel } from "./testing/abusive-models";
import { ClusterView } from "./testing/cluster-view";
import { GrpcCaller } from "./testing/link-caller";
import { ServiceProcess } from "./testing/service-process";
import { classesOf, digits, digitsRequest, labelOf } from "./testing/zoo";

const memoryBytes = 2 ** 30;

function infer(id: number, variant: string, body: Uint8Array, timeoutMs = 0): OutgoingFrame {
  return { type: "infer", id, timeoutMs, lane: 0, trace: null, variant, body };
}

function classes(frame: Frame): number[] {
  if (frame.type !== "answer") throw new Error(`not answered: ${JSON.stringify(frame)}`);
  const [logits] = fromBinary(ModelInferResponseSchema, frame.body).rawOutputContents;
  return classesOf(logits ?? new Uint8Array(), digits.labels.length);
}

describe("executor process", () => {
  const running: ServiceProcess[] = [];
  const closing: (() => void | Promise<void>)[] = [];
  let folder = "";
  let metadata: ServiceProcess;
  let executor: ServiceProcess;
  let variants: readonly Variant[] = [];

  const startMetadata = async (listen = "127.0.0.1:0") => {
    const dataDir = join(folder, "metadata");
    metadata = await ServiceProcess.start("metadata", "--listen", listen, "--data-dir", dataDir);
    running.push(metadata);
  };
  const startExecutor = async (...argv: string[]) => {
    const place = [
      "--listen",
      "127.0.0.1:0",
      "--metadata",
      metadata.address,
      "--data-dir",
      join(folder, "executor"),
    ];
    const size = ["--cores", "1", "--memory-bytes", String(memoryBytes), "--lease-ttl-ms", "1000"];
    executor = await ServiceProcess.start("executor", "--name", "exec-1", ...place, ...size, ...argv);
    running.push(executor);
  };
  const client = <T extends { close(): void }>(opened: T): T => {
    closing.push(() => opened.close());
    return opened;
  };
  const cluster = () => client(createRpcClient(ClusterService, metadata.address));
  const view = () => {
    const opened = new ClusterView(cluster());
    closing.push(() => opened.close());
    return opened;
  };
  const link = () => client(new GrpcCaller(executor.address));
  const place = async (variant: string, wanted = true) => {
    const placement = { executor: "exec-1", variant, reason: "operator" };
    await cluster().setPlacement({ placements: [placement], wanted });
  };
  /** Uploads a model that never answers; returns its digest. */
  const uploadEndless = async () => {
    const path = join(folder, "endless.onnx");
    await writeFile(path, encodeModel(endlessModel()));
    return await new ArtifactClient(client(createRpcClient(ArtifactService, metadata.address))).uploadFile(
      path,
    );
  };
  /** Records it as if its registration had gone well; returns the name of its variant. */
  const recordEndless = async () => {
    const registry = client(createRpcClient(RegistryService, metadata.address));
    const name = "endless";
    const modelDigest = await uploadEndless();
    const tensor = { datatype: "FP32", shape: [-1n, 4n] };
    const [inputs, outputs] = [[{ ...tensor, name: "x" }], [{ ...tensor, name: "y" }]];
    const task = `model/${name}`;
    await registry.putTaskRecord({ task: { name: task, metric: "none" } });
    const architecture = { name, task, modelDigest, inputs, outputs, batchable: true };
    await registry.putArchitecture({ architecture });
    const row = new Uint8Array(16);
    const { accuracy: _, ...measured } = variants[0]!;
    const golden = { goldenInputs: [row], goldenOutputs: [row], goldenInputShapes: [] };
    const variant = {
      ...measured,
      name: `${name}@1`,
      architecture: name,
      task,
      version: 1,
      modelDigest,
      ...golden,
    };
    await registry.putVariants({ architecture: name, version: 1, variants: [variant] });
    return variant.name;
  };
  /** Waits until the executor has it on disk that a load was begun so many times and never ended. */
  const noted = async (deaths: number) => {
    const notes = join(folder, "executor", "loading");
    const read = async () => {
      const texts = (await readdir(notes)).map((file) => readFile(join(notes, file), "utf8"));
      return (await Promise.all(texts)).join();
    };
    while (!(await read()).includes(`"deaths":${deaths}`)) await sleep(systemClock, 5);
  };
  const batched = () => {
    const [largest] = [...variants].sort((a, b) => b.maxBatch - a.maxBatch);
    if (largest === undefined || largest.maxBatch < 8)
      throw new Error("no variant for batches of 8 was registered");
    return largest.name;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "executor-main-"));
    await startMetadata();
    await startExecutor();
    variants = await register(metadata.address, executor.address, "digits-mlp-s");
  }, 120_000);
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  afterAll(async () => {
    await Promise.all(running.map((process) => process.stop("SIGKILL")));
    await rm(folder, { recursive: true });
  });

  it("profiled a real model and measured its accuracy", () => {
    expect(variants[0]?.accuracy).toMatchObject({
      sampleCount: digits.count,
      dataset: "uci-digits/last-797",
    });
    expect(variants[0]?.accuracy?.value).toBeGreaterThan(0.93);
  });

  it("loads what is placed on it and answers as the labels say", async () => {
    await place(batched());
    await view().until(`${batched()} READY`);
    const caller = link();
    for (let example = 0; example < 40; example += 8)
      caller.send(infer(example, batched(), digitsRequest(example, 8)));
    let right = 0;
    for (let example = 0; example < 40; example += 8) {
      const frame = await caller.answerTo(example);
      right += classes(frame).filter((digit, row) => digit === labelOf(example + row)).length;
    }
    expect(right).toBeGreaterThan(34);
  });

  it("gives each row the same answer alone and in company", async () => {
    const caller = link();
    caller.send(...[0, 1, 2, 3].map((example) => infer(example, batched(), digitsRequest(example, 1))));
    caller.send(infer(9, batched(), digitsRequest(0, 4)));
    const alone = await Promise.all([0, 1, 2, 3].map((id) => caller.answerTo(id)));
    expect(alone.flatMap(classes)).toEqual(classes(await caller.answerTo(9)));
  });

  it("answers more rows than a batch takes as one", async () => {
    const caller = link();
    caller.send(infer(1, batched(), digitsRequest(0, 400)));
    caller.send(infer(2, batched(), digitsRequest(396, 4)));
    const [all, last] = [classes(await caller.answerTo(1)), classes(await caller.answerTo(2))];
    expect(all).toHaveLength(400);
    expect(all.slice(-4)).toEqual(last);
  });

  it("refuses a query that cannot be in time, and one that does not fit", async () => {
    const caller = link();
    caller.send(
      infer(1, batched(), digitsRequest(0, 1), 0.000_001),
      infer(2, batched(), digitsRequest(0, 1).subarray(0, -1)),
    );
    expect(await caller.answerTo(1)).toMatchObject({ code: Code.DEADLINE_EXCEEDED });
    expect(await caller.answerTo(2)).toMatchObject({ code: Code.INVALID_ARGUMENT });
  });

  it("unloads what is placed on it no longer", async () => {
    await place(batched(), false);
    await view().until();
    const caller = link();
    caller.send(infer(1, batched(), digitsRequest(0, 1)));
    expect(await caller.answerTo(1)).toMatchObject({ code: Code.UNAVAILABLE });
  });

  it("goes on answering while metadata is away, and is there again when it is back", async () => {
    await place(batched());
    await view().until(`${batched()} READY`);
    await metadata.stop("SIGKILL");
    const caller = link();
    caller.send(infer(1, batched(), digitsRequest(0, 1)));
    expect(classes(await caller.answerTo(1))).toEqual([labelOf(0)]);
    await startMetadata(metadata.address);
    await view().until(`${batched()} READY`);
  });

  it("vanishes with its lease when it is killed, and loads what is wanted when it is back", async () => {
    await executor.stop("SIGKILL");
    await view().until();
    await startExecutor();
    await view().until(`${batched()} READY`);
    const caller = link();
    caller.send(infer(1, batched(), digitsRequest(3, 1)));
    expect(classes(await caller.answerTo(1))).toEqual([labelOf(3)]);
  });

  it("drains on SIGTERM: announces it, answers what it accepted, leaves, and is gone within 5 s", async () => {
    const caller = link();
    const ids = Array.from({ length: 200 }, (_, id) => id);
    caller.send(...ids.map((id) => infer(id, batched(), digitsRequest(id, 1))));
    await caller.answerTo(0);
    const stopped = executor.stop("SIGTERM");
    const frames = await Promise.all(ids.map((id) => caller.answerTo(id)));
    expect(frames.filter((frame) => frame.type === "answer")).toHaveLength(ids.length);
    const { tookMs, exitCode } = await stopped;
    expect(caller.received.some((frame) => frame.type === "draining")).toBe(true);
    expect(exitCode).toBe(0);
    expect(tookMs).toBeLessThan(5_000);
    await view().until();
  });

  it("outlives a model that never answers, and does not try it again unless asked to", async () => {
    await startExecutor("--profile-stage-ms-max", "6000");
    const execution = client(createRpcClient(ExecutionService, executor.address));
    const modelDigest = await uploadEndless();
    const stages = async (retry: boolean) => {
      const seen: string[] = [];
      const architecture = { name: "endless", task: digits.task, modelDigest };
      const events = execution.profileModel({ architecture, task: { name: digits.task }, retry });
      const refusal = await collect(events, seen).catch((fault) => ServiceError.from(fault));
      return { seen, code: refusal?.code, message: refusal?.message };
    };
    const first = await stages(false);
    expect(first).toMatchObject({ seen: ["load"], code: Code.DEADLINE_EXCEEDED });
    const second = await stages(false);
    expect(second).toMatchObject({ seen: [], code: Code.DEADLINE_EXCEEDED });
    expect(second.message).toMatch(/6000 ms allowed while loading; this file is tried again in \d+ s/);
    expect(await stages(true)).toMatchObject({ seen: ["load"], code: Code.DEADLINE_EXCEEDED });
  }, 120_000);

  it("loads a variant that was the end of its process once more, and then no more", async () => {
    const endless = await recordEndless();
    const loading = [`${batched()} READY`, `${endless} LOADING`];
    await place(endless);
    await view().until(...loading);
    await noted(1);
    await executor.stop("SIGKILL");
    await view().until();
    await startExecutor();
    await view().until(...loading);
    await noted(2);
    await executor.stop("SIGKILL");
    await view().until();
    await startExecutor();
    const seen = view();
    await seen.until(`${batched()} READY`, `${endless} FAILED`);
    expect(seen.status(endless)?.reason).toMatch(
      /^this executor died 2 times while it loaded endless@1, allowed are 1/,
    );
    const caller = link();
    caller.send(infer(1, batched(), digitsRequest(3, 1)));
    expect(classes(await caller.answerTo(1))).toEqual([labelOf(3)]);
  }, 120_000);

  it("names every wrong option and does not start", async () => {
    await expect(ServiceProcess.start("executor", "--cores", "0", "--memory-bytes", "few")).rejects.toThrow(
      /cores.*\n.*memory-bytes/,
    );
  });
});

/** Notes the stages of a registration as they begin; rejects as it does. */
async function collect(events: AsyncIterable<ProfileModelResponse>, stages: string[]): Promise<null> {
  for await (const { event } of events) if (event.case === "progress") stages.push(event.value.stage);
  return null;
}

/** Registers one model of the zoo as a frontend would: upload, profile on the executor, record. */
async function register(
  metadataAddress: string,
  executorAddress: string,
  name: string,
): Promise<readonly Variant[]> {
  const artifacts = createRpcClient(ArtifactService, metadataAddress);
  const registry = createRpcClient(RegistryService, metadataAddress);
  const execution = createRpcClient(ExecutionService, executorAddress);
  try {
    const uploads = new ArtifactClient(artifacts);
    const task = {
      name: digits.task,
      metric: "accuracy",
      labels: digits.labels,
      validation: {
        dataset: "uci-digits/last-797",
        inputsDigest: await uploads.uploadFile(digits.inputsFile),
        labelsDigest: await uploads.uploadFile(digits.labelsFile),
        count: digits.count,
      },
    };
    const modelDigest = await uploads.uploadFile(digits.model(name));
    const architecture = { name, task: task.name, modelDigest, accuracyTolerance: 0.01 };
    await registry.putTaskRecord({ task });
    let result: RegistrationResult | null = null;
    for await (const { event } of execution.profileModel({ architecture, task })) {
      if (event.case === "result") result = event.value;
    }
    if (result?.architecture === undefined) throw new Error("profiling ended without a result");
    const put = await registry.putArchitecture({ architecture: result.architecture });
    const version = put.architecture?.version ?? 0;
    const variants = result.variants.map((variant) => ({ ...variant, version }));
    await registry.putVariants({ architecture: name, version, variants });
    return variants;
  } finally {
    for (const opened of [artifacts, registry, execution]) opened.close();
  }
}
