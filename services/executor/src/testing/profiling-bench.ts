import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  type ExampleFile,
  ProfileModelRequestSchema,
  type RegistrationProgress,
  type RegistrationResult,
  type Task,
  TaskSchema,
  type TensorMapping,
} from "@infaas/api";
import { encodeModel, type OnnxModel } from "@infaas/onnx";
import { fixtureRows } from "@infaas/onnx/testing/dense-models";
import { systemClock } from "@infaas/runtime";
import type { EnginePort } from "../engines/engine-port";
import { nativeEngines } from "../engines/native-engine";
import type { ProfiledDevice, ProfilePorts } from "../profiling/measurement/profile-ports";
import { profileModel } from "../profiling/profile-model";
import { referenceEngines } from "./onnxruntime-reference";

/** Columns of the models that a bench profiles. */
export const WIDTH = 64;
/** Rows of the validation set of `taskAnsweredBy`. */
export const EXAMPLES = 200;

const HOST = { hostType: "test-host", cores: 2, memoryBytes: 1 << 30 };

/** What a registration states beside the model and its task. */
export interface RegisterOptions {
  /** Default 0.05. */
  readonly accuracyTolerance?: number;
  /** Default 1. */
  readonly cores?: number;
  readonly statedBatchable?: boolean;
  readonly axisSizes?: Record<string, number>;
  readonly axisLimits?: Record<string, bigint>;
  readonly mapping?: readonly TensorMapping[];
  readonly examples?: ExampleFile[];
  /** Default: the native ones. */
  readonly engines?: EnginePort;
  /** Device that variants are measured on beside the CPU; default none. */
  readonly device?: ProfiledDevice;
  /** Called with the stage of every progress event. */
  readonly onStep?: (stage: string) => void;
}

/** `profileModel` in this process, on the native engine, with artifacts in a folder of its own. */
export class ProfilingBench {
  private constructor(
    private readonly folder: string,
    /** Folder for derived files; empty between registrations. */
    readonly scratchDir: string,
  ) {}

  static async open(): Promise<ProfilingBench> {
    const folder = await mkdtemp(join(tmpdir(), "profile-model-"));
    return new ProfilingBench(folder, await mkdtemp(join(tmpdir(), "profile-scratch-")));
  }

  /** Removes both folders. */
  async close(): Promise<void> {
    for (const folder of [this.folder, this.scratchDir]) await rm(folder, { recursive: true });
  }

  /** Stores an artifact; returns its digest. */
  async put(bytes: Uint8Array): Promise<string> {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    await writeFile(this.pathOf(digest), bytes);
    return digest;
  }

  /** Returns the local path of an artifact. */
  pathOf(digest: string): string {
    return join(this.folder, digest.replace(":", "-"));
  }

  /**
   * Registers a model, or the bytes of a file that is none; resolves to the result and every progress event.
   */
  async register(
    model: OnnxModel | Uint8Array,
    task: Task,
    {
      accuracyTolerance = 0.05,
      cores = 1,
      mapping = [],
      engines = nativeEngines,
      device,
      onStep,
      ...stated
    }: RegisterOptions = {},
  ): Promise<{ result: RegistrationResult; steps: RegistrationProgress[] }> {
    const modelDigest = await this.put(model instanceof Uint8Array ? model : encodeModel(model));
    const architecture = {
      name: "net",
      version: 3,
      task: task.name,
      modelDigest,
      accuracyTolerance,
      mapping: [...mapping],
    };
    const steps: RegistrationProgress[] = [];
    const request = create(ProfileModelRequestSchema, { architecture, task, ...stated });
    for await (const { event } of profileModel(request, this.ports({ cores, engines, device }))) {
      if (event.case === "progress") {
        steps.push(event.value);
        onStep?.(event.value.stage);
      }
      if (event.case === "result") return { result: event.value, steps };
    }
    throw new Error("ended without a result");
  }

  /** A task whose labels are what `model` itself answers, so that its accuracy is known: 1. */
  async taskAnsweredBy(model: OnnxModel, classes: number): Promise<Task> {
    const examples = fixtureRows(EXAMPLES, WIDTH);
    const path = this.pathOf("sha256:teacher");
    await writeFile(path, encodeModel(model));
    const [output] = await answer(path, examples, EXAMPLES);
    const scores = new Float32Array(Uint8Array.from(output!).buffer);
    const labels = Int32Array.from({ length: EXAMPLES }, (_, row) => {
      const own = [...scores.subarray(row * classes, (row + 1) * classes)];
      return own.indexOf(Math.max(...own));
    });
    return create(TaskSchema, {
      name: "toy/teacher",
      metric: "accuracy",
      validation: {
        dataset: "teacher",
        count: EXAMPLES,
        inputsDigest: await this.put(examples),
        labelsDigest: await this.put(new Uint8Array(labels.buffer)),
      },
    });
  }

  private ports({
    cores,
    engines,
    device,
  }: {
    readonly cores: number;
    readonly engines: EnginePort;
    readonly device: ProfiledDevice | undefined;
  }): ProfilePorts {
    return {
      ...(device === undefined ? {} : { device }),
      fetchModel: async (digest) => this.pathOf(digest),
      storeArtifact: async (path) => this.put(await readFile(path)),
      readArtifact: (digest) => readFile(this.pathOf(digest)),
      engines,
      engineVersion: "onnxruntime test",
      clock: systemClock,
      host: { ...HOST, cores, cpuCores: cores },
      scratchDir: this.scratchDir,
    };
  }
}

/** Returns the outputs of onnxruntime's own binding for `rows` rows run together. */
export async function answer(path: string, inputs: Uint8Array, rows: number): Promise<readonly Uint8Array[]> {
  const limits = { queueRowsMax: rows, queueBytesMax: inputs.byteLength };
  const model = { path, threads: 1, concurrency: 1, maxBatch: rows, latency: [] };
  const engine = await referenceEngines.open({ ...model, ...limits });
  const query = { rows, dims: [[rows, WIDTH]], lane: 0, timeoutMs: null, signal: null };
  const { outputs } = await engine.submit([inputs], query);
  await engine.close();
  return outputs;
}
