import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AccuracyOrigin,
  DeviceKind,
  GRPCInferenceService,
  InstancePhase,
  type LoadOverride,
  MemberKind,
  type ModelInferResponse,
  Precision,
  type Variant,
  VariantSchema,
} from "@infaas/api";
import {
  createLogger,
  createRpcClient,
  createTelemetry,
  Lifecycle,
  openSecurity,
  readConfig,
  type Security,
  ServiceError,
  sleep,
  systemClock,
  systemRandom,
} from "@infaas/runtime";
import { frontendOptions } from "../config";
import { type Frontend, startFrontend } from "../frontend";
import { ScriptedExecutor } from "./scripted-executor";
import { MemoryMetadata } from "./scripted-metadata";

/** Task of the fixture. */
export const TASK = "digit-classification/uci-digits";

/** A frontend on a real socket between metadata in memory and scripted executors. */
export interface House {
  readonly metadata: MemoryMetadata;
  readonly executors: readonly ScriptedExecutor[];
  readonly frontend: Frontend;
  readonly inference: ReturnType<typeof inferenceOf>;
  stop(): Promise<void>;
}

/** What a test says of a variant of the fixture. */
export interface FixtureVariant {
  readonly name: string;
  readonly accuracy?: number;
  readonly latencyMs?: number;
  readonly loadMs?: number;
}

const WAIT_MAX_MS = 10_000;

/** A variant as the registry would have it. */
export function wireVariant({ name, accuracy = 0.9, latencyMs = 1, loadMs = 50 }: FixtureVariant): Variant {
  return create(VariantSchema, {
    name,
    architecture: "mlp",
    task: TASK,
    version: 1,
    engine: "onnxruntime",
    deviceKind: DeviceKind.CPU,
    precision: Precision.FP32,
    threads: 1,
    concurrency: 1,
    maxBatch: 8,
    modelDigest: "sha256:ab",
    accuracy: {
      value: accuracy,
      metric: "accuracy",
      dataset: "uci-digits",
      sampleCount: 360,
      origin: AccuracyOrigin.MEASURED,
    },
    profile: {
      points: [1, 8].map((batch) => {
        const ms = latencyMs * batch;
        return { batch, p50Ms: ms, p95Ms: ms, p99Ms: ms };
      }),
      betaMs: latencyMs,
      loadMs,
      peakMemoryBytes: 1_000_000n,
      saturationPerSecond: 1000 / latencyMs,
      hostType: "local-cpu",
    },
  });
}

/** Starts a house with these executors, each holding a ready instance of every variant named for it. */
export async function startHouse(
  loaded: Readonly<Record<string, readonly string[]>>,
  variants: readonly FixtureVariant[] = [{ name: "mlp@1" }],
  args: readonly string[] = [],
  security: Security = openSecurity,
): Promise<House> {
  const metadata = new MemoryMetadata();
  await metadata.start();
  putRegistry(metadata, variants);
  const executors: ScriptedExecutor[] = [];
  for (const [name, names] of Object.entries(loaded)) {
    const executor = new ScriptedExecutor(name);
    await executor.start();
    executors.push(executor);
    putExecutor(metadata, executor);
    putInstances(metadata, name, names);
  }
  const { frontend, lifecycle } = await startFrontendOf(metadata.address, args, security);
  const inference = inferenceOf(frontend.address);
  const reachable = () => [...frontend.view.executors.values()].filter((e) => e.accepting).length;
  await until(() => frontend.view.isReady && reachable() === executors.length);
  return {
    metadata,
    executors,
    frontend,
    inference,
    stop: async () => {
      inference.close();
      await lifecycle.stop();
      for (const executor of executors) await executor.stop();
      await metadata.stop();
    },
  };
}

/** A frontend whose metadata service is not there. */
export async function startAlone(): Promise<{ frontend: Frontend; stop(): Promise<void> }> {
  const { frontend, lifecycle } = await startFrontendOf("127.0.0.1:1", [], openSecurity);
  return { frontend, stop: () => lifecycle.stop() };
}

/** One more frontend of the cluster that this metadata knows. */
export async function startAnother(
  metadata: MemoryMetadata,
  args: readonly string[],
): Promise<{ frontend: Frontend; stop(): Promise<void> }> {
  const { frontend, lifecycle } = await startFrontendOf(metadata.address, args, openSecurity);
  await until(() => frontend.view.isReady);
  return { frontend, stop: () => lifecycle.stop() };
}

async function startFrontendOf(metadata: string, args: readonly string[], security: Security) {
  const lifecycle = new Lifecycle();
  const read = readConfig(
    frontendOptions,
    ["--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--metadata", metadata, ...args],
    {},
  );
  if (!read.ok) throw new Error(read.faults.join("; "));
  const logger = createLogger({ service: "frontend-test", level: "error" });
  const { name: instance, otlpEndpoint, traceSampleRatio: sampleRatio, metricPeriodMs } = read.config;
  const exported = { otlpEndpoint, sampleRatio, metricPeriodMs, dial: security.dial };
  const telemetry = createTelemetry({ service: "infaas-frontend", instance, ...exported });
  lifecycle.onStop("telemetry", () => telemetry.shutdown());
  const world = { clock: systemClock, random: systemRandom, logger, security, telemetry };
  return { frontend: await startFrontend(read.config, { ...world, version: "0.1.0" }, lifecycle), lifecycle };
}

/** Puts the member record of an executor. */
export function putExecutor(
  metadata: MemoryMetadata,
  executor: ScriptedExecutor,
  deviceKinds: readonly DeviceKind[] = [DeviceKind.CPU],
): void {
  metadata.put(`member/${executor.name}`, {
    case: "member",
    value: {
      name: executor.name,
      kind: MemberKind.EXECUTOR,
      address: executor.address,
      linkAddress: executor.linkAddress,
      hostType: "local-cpu",
      cores: 8,
      memoryBytes: 32_000_000_000n,
      pricePerHourUsd: 0.384,
      deviceKinds: [...deviceKinds],
      accepting: true,
      incarnation: `${executor.name}-${executor.port}-${deviceKinds.join()}`,
    },
  });
}

/** Puts the report of an executor: these variants in this phase, loaded as these overrides say. */
export function putInstances(
  metadata: MemoryMetadata,
  executor: string,
  variants: readonly string[],
  phase: InstancePhase = InstancePhase.READY,
  reason = "",
  overrides: ReadonlyMap<string, LoadOverride> = new Map(),
): void {
  const instances = variants.map((variant) => {
    const loadOverride = overrides.get(variant);
    return {
      variant,
      executor,
      phase,
      reason,
      memoryBytes: 1_000_000n,
      loadMs: phase === InstancePhase.READY ? 250 : 0,
      ...(loadOverride === undefined ? {} : { loadOverride }),
    };
  });
  metadata.put(`report/${executor}`, { case: "report", value: { executor, instances } });
}

/** A request of one row for this name. */
export function inferRequest(modelName: string, parameters: Record<string, number | string | boolean> = {}) {
  return {
    modelName,
    id: "q-1",
    parameters: Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, { parameterChoice: choice(value) }]),
    ),
    inputs: [{ name: "pixels", datatype: "FP32", shape: [1n, 4n] }],
    rawInputContents: [new Uint8Array(16)],
  };
}

/** Waits until `condition` holds; throws after a bounded time. */
export async function until(condition: () => boolean): Promise<void> {
  const startMs = systemClock.nowMs();
  while (!condition()) {
    if (systemClock.nowMs() - startMs > WAIT_MAX_MS)
      throw new Error(`not so within ${WAIT_MAX_MS} ms: ${condition}`);
    await sleep(systemClock, 5);
  }
}

/** Does `turn` until it says that all is so; throws after a bounded time. */
export async function untilTurn(turn: () => Promise<boolean>): Promise<void> {
  const startMs = systemClock.nowMs();
  while (!(await turn())) {
    if (systemClock.nowMs() - startMs > WAIT_MAX_MS)
      throw new Error(`not so within ${WAIT_MAX_MS} ms: ${turn}`);
  }
}

type Choice = NonNullable<
  MessageInitShape<typeof import("@infaas/api").InferParameterSchema>["parameterChoice"]
>;

function choice(value: number | string | boolean): Choice {
  if (Number.isSafeInteger(value)) return { case: "int64Param", value: BigInt(value) };
  if (typeof value === "number") return { case: "doubleParam", value };
  if (typeof value === "string") return { case: "stringParam", value };
  return { case: "boolParam", value };
}

/** A client of a frontend's standard protocol. */
export function inferenceOf(address: string) {
  return createRpcClient(GRPCInferenceService, address);
}

function putRegistry(metadata: MemoryMetadata, variants: readonly FixtureVariant[]): void {
  metadata.put(`task/${TASK}`, {
    case: "task",
    value: { name: TASK, metric: "accuracy", labels: ["0", "1"] },
  });
  metadata.put("architecture/mlp", {
    case: "architecture",
    value: {
      name: "mlp",
      task: TASK,
      version: 1,
      inputs: [{ name: "pixels", datatype: "FP32", shape: [-1n, 4n] }],
      outputs: [{ name: "scores", datatype: "FP32", shape: [-1n, 2n] }],
      batchable: true,
      modelDigest: "sha256:ab",
      aliases: ["digits-mlp"],
    },
  });
  for (const v of variants) metadata.put(`variant/${v.name}`, { case: "variant", value: wireVariant(v) });
}

/** Returns how a call was refused; throws when it was answered. */
export async function refusalOf(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    return ServiceError.from(error);
  }
  throw new Error("was answered");
}

/** The parameters of an answer, by name. */
export function parametersOf(response: ModelInferResponse): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(response.parameters).map(([name, p]) => [name, p.parameterChoice.value]),
  );
}
