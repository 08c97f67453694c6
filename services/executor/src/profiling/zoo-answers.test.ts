import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ProfileModelRequestSchema } from "@infaas/api";
import { systemClock } from "@infaas/runtime";
import fc from "fast-check";
import type { EnginePort } from "../engines/engine-port";
import { nativeEngines } from "../engines/native-engine";
import { largestDifference } from "../engines/tensor-difference";
import { expectProfiled } from "../testing/expect-profiled";
import { referenceEngines } from "../testing/onnxruntime-reference";
import { inspectModel, loadModel } from "./inspection/inspect-model";
import type { ProfilePorts } from "./measurement/profile-ports";
import type { ProfiledArchitecture } from "./measurement/profiled-model";
import { ModelRunner, withRunner } from "./onnx/model-runner";
import { deriveInt8, planInt8Of } from "./quantization/derive-int8";

const ZOO = join(__dirname, "../../../../zoo");
/** How far a row's answer may move when it shares a batch, absolute or relative to its largest value. */
const BATCHED_TOLERANCE = 1e-5;
const BATCH_MAX = 64;

interface ZooManifest {
  readonly tasks: readonly {
    readonly name: string;
    readonly metric: string;
    readonly validation: {
      readonly count: number;
      readonly inputs: { readonly file: string };
      readonly labels: { readonly file: string };
    };
  }[];
  readonly architectures: readonly { readonly name: string; readonly task: string; readonly file: string }[];
}

const manifest: ZooManifest = JSON.parse(readFileSync(join(ZOO, "manifest.json"), "utf8"));

describe.each(manifest.architectures)("zoo model $name", ({ name, task: taskName, file }) => {
  const path = join(ZOO, file);
  let profiled: ProfiledArchitecture;
  let scratchDir = "";
  let ports: ProfilePorts;

  beforeAll(async () => {
    scratchDir = await mkdtemp(join(tmpdir(), "zoo-"));
    ports = {
      fetchModel: async () => path,
      storeArtifact: async () => "",
      readArtifact: async (artifact) => readFileSync(join(ZOO, artifact)),
      engines: nativeEngines,
      engineVersion: "onnxruntime",
      clock: systemClock,
      host: { hostType: "test", cores: 2, cpuCores: 2, memoryBytes: 1 << 30 },
      scratchDir,
    };
    const { metric, validation } = manifest.tasks.find((task) => task.name === taskName)!;
    const { count, inputs, labels } = validation;
    const set = { dataset: "zoo", count, inputsDigest: inputs.file, labelsDigest: labels.file };
    const architecture = { name, version: 1, task: taskName, modelDigest: "sha256:zoo" };
    const task = { name: taskName, metric, validation: set };
    const request = create(ProfileModelRequestSchema, { architecture, task });
    profiled = await inspectModel(expectProfiled(await loadModel(request, path, ports)), request, ports);
  });
  afterAll(() => rm(scratchDir, { recursive: true }));

  const opened = (engines: EnginePort, threads: number, maxBatch: number, modelPath = path) =>
    ModelRunner.open(engines, profiled.rows, { path: modelPath, threads, concurrency: 1, maxBatch });

  /** Draws mixtures of rows and holds each row of each mixture to its answer alone. */
  async function expectSameAloneAndTogether(modelPath: string): Promise<void> {
    const rowCount = profiled.rows.count;
    const mixtures = fc.array(fc.nat(rowCount - 1), { minLength: 2, maxLength: BATCH_MAX });
    await withRunner(opened(nativeEngines, 2, BATCH_MAX, modelPath), async (runner) => {
      const known = new Map<number, Uint8Array>();
      const answerAlone = async (row: number) => {
        const answer = known.get(row) ?? (await runner.run([row])).outputs[0]!;
        known.set(row, answer);
        return answer;
      };
      const property = fc.asyncProperty(mixtures, async (rows) => {
        const together = (await runner.run(rows)).outputs[0]!;
        for (const [place, row] of rows.entries()) {
          const alone = await answerAlone(row);
          const shared = together.subarray(place * alone.length, (place + 1) * alone.length);
          const largest = largestDifference("FP32", alone, new Uint8Array(alone.length)) ?? 0;
          const allowed = BATCHED_TOLERANCE * Math.max(1, largest);
          expect(largestDifference("FP32", alone, shared)).toBeLessThanOrEqual(allowed);
        }
      });
      await fc.assert(property, { numRuns: 50 });
    });
  }

  /** Holds single rows, spread over the validation set, to onnxruntime's own answers. */
  async function expectBitForBit(modelPath: string): Promise<void> {
    await withRunner(opened(referenceEngines, 1, 1, modelPath), (reference) =>
      withRunner(opened(nativeEngines, 1, 1, modelPath), async (runner) => {
        for (let row = 0; row < profiled.rows.count; row += Math.ceil(profiled.rows.count / 50)) {
          const [expected] = (await reference.run([row])).outputs;
          const [answer] = (await runner.run([row])).outputs;
          expect(Buffer.compare(answer!, expected!)).toBe(0);
        }
      }),
    );
  }

  it("answers one row bit for bit as onnxruntime itself", () => expectBitForBit(path));

  it("answers a row the same alone and among any batchmates", async () => {
    expect(profiled.architecture).toMatchObject({ batchable: true, unbatchableReason: "" });
    await expectSameAloneAndTogether(path);
  });

  it("answers in int8 bit for bit as onnxruntime, and the same among any batchmates wherever int8 is batched", async () => {
    const plan = planInt8Of(profiled);
    if (!plan.possible) throw new Error(plan.reason);
    const int8 = await deriveInt8(profiled, plan, ports, scratchDir);
    await expectBitForBit(int8.path);
    if (name === "langid-pairs") {
      expect(int8.unbatchableReason).toMatch(/1 of 1; none of them may be batched$/);
      return;
    }
    expect(int8.unbatchableReason).toBe("");
    await expectSameAloneAndTogether(int8.path);
  });
});
