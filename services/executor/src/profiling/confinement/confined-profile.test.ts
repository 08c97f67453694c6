import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ProfileModelRequestSchema, type ProfileModelResponse } from "@infaas/api";
import { CoreGate } from "@infaas/cuda-batcher";
import { createNode, encodeModel, type OnnxModel } from "@infaas/onnx";
import { denseModel, fixtureModel } from "@infaas/onnx/testing/dense-models";
import { Code, type ServiceError, systemClock } from "@infaas/runtime";
import { endlessModel, hungryModel } from "../../testing/abusive-models";
import { confinedProfile } from "./confined-profile";
import type { ProcessLimits } from "./process-limits";

const GENEROUS: ProcessLimits = { stageMsMax: 60_000, totalMsMax: 120_000, memoryBytesMax: 2 ** 31 };
const hook = join(__dirname, "../../../../metadata/src/testing/typescript.cjs");
const request = create(ProfileModelRequestSchema, {
  architecture: { name: "net", version: 1, task: "toy", modelDigest: "sha256:net" },
  task: { name: "toy" },
});

describe("confinedProfile", () => {
  let folder = "";
  let scratchDir = "";
  let cores: CoreGate;
  const deaths: ServiceError[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "confined-"));
    scratchDir = await mkdtemp(join(tmpdir(), "confined-scratch-"));
    cores = CoreGate.make(1);
    deaths.length = 0;
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
    await rm(scratchDir, { recursive: true });
  });

  interface Run {
    readonly limits?: Partial<ProcessLimits>;
    readonly signal?: AbortSignal;
    /** Called with each event and the child's process id. */
    readonly onEvent?: (event: ProfileModelResponse, pid: number) => void;
  }

  /** Registers a model in a child process; returns its last event. */
  async function profile(model: OnnxModel, run: Run = {}): Promise<ProfileModelResponse | undefined> {
    const path = join(folder, "model.onnx");
    await writeFile(path, encodeModel(model));
    let pid = 0;
    const o = {
      fetchModel: async () => path,
      storeArtifact: async () => "sha256:derived",
      host: { hostType: "test", cores: 1, cpuCores: 1, memoryBytes: 2 ** 30 },
      scratchDir,
      clock: systemClock,
      cores,
      limits: { ...GENEROUS, ...run.limits },
      execArgv: ["--require", hook],
      onStart: (started: number) => {
        pid = started;
      },
      onDeath: (reason: ServiceError) => deaths.push(reason),
    };
    let last: ProfileModelResponse | undefined;
    for await (const event of confinedProfile(request, o, run.signal ?? new AbortController().signal)) {
      run.onEvent?.(event, pid);
      last = event;
    }
    return last;
  }

  const isStage = (event: ProfileModelResponse, stage: string) =>
    event.event.case === "progress" && event.event.value.stage === stage;

  it("profiles a good model as the executor itself would, and leaves nothing behind", async () => {
    const last = await profile(denseModel([8, 16, 4]));
    expect(last?.event).toMatchObject({ case: "result", value: { architecture: { batchable: true } } });
    expect(await readdir(scratchDir)).toEqual([]);
  });

  it("passes on what the engine says of a model that it cannot run, which is no death", async () => {
    const nodes = [createNode("Frobnicate", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: ["N", 4], output: ["N", 4] });
    await expect(profile(model)).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringMatching(/^the engine cannot run this model: .*Frobnicate/),
    });
    expect(deaths).toEqual([]);
  });

  it("refuses a model that wants more memory at once than any process is granted", async () => {
    await expect(profile(hungryModel(64 * 2 ** 30))).rejects.toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      message: expect.stringMatching(/alloc/i),
    });
  });

  it("kills a process that outgrows its memory, and says by how much", async () => {
    const limits = { memoryBytesMax: 900e6 };
    await expect(profile(hungryModel(1e9), { limits })).rejects.toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      message: expect.stringMatching(
        /^the model used \d\.\d\d GB while loading, allowed are 0\.90 GB \(the executor's --profile-memory-bytes-max\)$/,
      ),
    });
    expect(deaths).toHaveLength(1);
  });

  it("kills a process whose model never answers", async () => {
    await expect(profile(endlessModel(), { limits: { stageMsMax: 8_000 } })).rejects.toMatchObject({
      code: Code.DEADLINE_EXCEEDED,
      message: "the model took more than the 8000 ms allowed while loading",
    });
    expect(deaths).toHaveLength(1);
    expect(await readdir(scratchDir)).toEqual([]);
  });

  it("outlives a process that crashes in the middle, and names the signal and the stage", async () => {
    const crash = (event: ProfileModelResponse, pid: number) => {
      if (isStage(event, "profile")) process.kill(pid, "SIGSEGV");
    };
    await expect(profile(denseModel([8, 4]), { onEvent: crash })).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringMatching(/^the model crashed with SIGSEGV while being profiled/),
    });
    expect(deaths).toHaveLength(1);
  });

  it("ends the process of a registration that is given up", async () => {
    const giveUp = new AbortController();
    let child = 0;
    const onEvent = (_: ProfileModelResponse, pid: number) => {
      child = pid;
      giveUp.abort();
    };
    await expect(profile(endlessModel(), { signal: giveUp.signal, onEvent })).rejects.toMatchObject({
      code: Code.CANCELLED,
    });
    expect(() => process.kill(child, 0)).toThrow("ESRCH");
    expect(deaths).toEqual([]);
  });
});
