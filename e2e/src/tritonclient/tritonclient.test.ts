import { join } from "node:path";
import { Cluster, root } from "./cluster";
import { hasPython, installStockClient, runStockClient } from "./stock-client";

const task = "digit-classification/uci-digits";
const validation = (file: string) => join(root, "zoo", task, file);

interface Answered {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly outputs: readonly string[];
  readonly rawOutputs: number;
  readonly shape: readonly number[];
  readonly parameters: Readonly<Record<string, unknown>>;
}

interface Described {
  readonly name: string;
  readonly versions: readonly string[];
  readonly inputs: readonly { shape: readonly string[] }[];
}

interface Seen {
  readonly live: boolean;
  readonly ready: boolean;
  readonly modelsReady: readonly boolean[];
  readonly extensions: readonly string[];
  readonly metadata: Readonly<Record<string, Described>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly index: readonly (readonly [name: string, version: string])[];
  readonly variant: string;
  readonly byTask: Answered;
  readonly byShortTask: Answered;
  readonly byArchitecture: Answered;
  readonly byVariant: Answered;
  readonly correct: number;
  readonly farthestFromAlone: number;
  readonly needsAsNumbers: Readonly<Record<string, unknown>>;
  readonly needsAsText: Readonly<Record<string, unknown>>;
  readonly needsAsHeaders: Readonly<Record<string, unknown>>;
  readonly gzip: readonly number[];
  readonly deflate: readonly number[];
  readonly statistics: readonly Readonly<Record<string, unknown>>[];
  readonly refusals: Readonly<Record<string, { status: string; message: string } | null>>;
}

/** What each misuse is answered with: the canonical code and the part of the sentence that says what came or is allowed. */
const refused: readonly (readonly [string, string, string])[] = [
  ["unknown model", "NOT_FOUND", "Request for unknown model: 'cats' is not found"],
  ["unknown version", "NOT_FOUND", "version 9 is not found"],
  ["version no number", "INVALID_ARGUMENT", "model version is 'latest'"],
  ["wrong shape", "INVALID_ARGUMENT", "shape is [1, 3], the model takes [-1, 1, 8, 8]"],
  ["wrong type", "INVALID_ARGUMENT", "datatype is FP64, the model takes FP32"],
  ["wrong input", "INVALID_ARGUMENT", "sound"],
  ["wrong output", "INVALID_ARGUMENT", "output mood is unknown, the model has logits"],
  ["too many rows", "INVALID_ARGUMENT", "9999 rows came in one request, at most"],
  ["wrong requirement", "INVALID_ARGUMENT", "slo_latency_ms is 'soon'; allowed: a number above 0"],
  ["impossible", "FAILED_PRECONDITION", "accepted would be: with other accuracy"],
  ["statistics of unknown", "NOT_FOUND", "unknown model: 'cats'"],
];

/** One run of the unmodified Python client against whole processes; every test reads what it saw. */
function speaksStock(): void {
  let s: Seen;

  beforeAll(async () => {
    await installStockClient();
    const cluster = await Cluster.start({ zoo: "digits-logreg,digits-cnn-s" });
    try {
      const files = [validation("inputs.bin"), validation("labels.bin")];
      s = await runStockClient<Seen>("stock_client.py", [cluster.address, task, "digits-cnn-s", ...files]);
    } finally {
      await cluster.stop();
    }
  }, 480_000);

  it("finds server and models ready, and the extensions it looks for", () => {
    expect([s.live, s.ready, ...s.modelsReady]).toEqual(Array(6).fill(true));
    expect(s.extensions).toContain("statistics");
  });

  it("reads metadata and config of task, architecture and variant as of any model", () => {
    for (const [name, described] of Object.entries(s.metadata)) {
      expect(described).toMatchObject({ name, versions: ["1"] });
      expect(described.inputs[0]?.shape).toEqual(["-1", "1", "8", "8"]);
    }
    expect(s.config).toMatchObject({
      name: "digit-classification",
      input: [{ data_type: "TYPE_FP32", dims: ["1", "8", "8"] }],
      output: [{ name: "logits", dims: ["10"] }],
    });
    expect(Number(s.config.max_batch_size)).toBeGreaterThan(1);
    expect(s.config).toHaveProperty("dynamic_batching");
  });

  it("lists task, architecture and variant, each with a version that is a number as text", () => {
    const versions = new Map(s.index);
    for (const name of [task, "digits-cnn-s", s.variant]) expect(versions.get(name)).toMatch(/^\d+$/);
  });

  it("is answered by task, architecture and variant under the name it used", () => {
    expect(s.byTask).toMatchObject({ model: task, version: "1", id: "q-7", shape: [16, 10], rawOutputs: 1 });
    expect(s.byShortTask).toMatchObject({ model: "digit-classification", version: "1", shape: [1, 10] });
    expect(s.byArchitecture).toMatchObject({ model: "digits-cnn-s", outputs: ["logits"] });
    expect(s.byVariant).toMatchObject({ model: s.variant, parameters: { variant: s.variant } });
  });

  it("gets right answers, the same alone as in a batch", () => {
    expect(s.correct).toBeGreaterThanOrEqual(13);
    expect(s.farthestFromAlone).toBeLessThan(1e-5);
  });

  it("finds the receipt in the answer's parameters", () => {
    const { parameters } = s.byTask;
    for (const name of ["queue_ms", "compute_ms", "total_ms", "cost", "accuracy", "batch_size"])
      expect(parameters[name]).toEqual(expect.any(Number));
    expect(parameters).toMatchObject({
      accuracy_dataset: "uci-digits/last-797",
      downgraded: false,
      executor: "executor-1",
    });
  });

  it("states requirements as numbers, as text and as headers", () => {
    for (const parameters of [s.needsAsNumbers, s.needsAsText, s.needsAsHeaders])
      expect(parameters).toMatchObject({ architecture: "digits-cnn-s" });
    expect(s.byTask.parameters).toMatchObject({ architecture: "digits-logreg" });
  });

  it("may compress its requests", () => {
    expect([s.gzip, s.deflate]).toEqual([
      [1, 10],
      [1, 10],
    ]);
  });

  it("reads statistics of a task, summed over its variants, under the name it asked for", () => {
    expect(s.statistics).toHaveLength(1);
    expect(s.statistics[0]).toMatchObject({ name: "digit-classification", version: "1" });
    expect(Number(s.statistics[0]?.inference_count)).toBeGreaterThanOrEqual(32);
  });

  describe.each(refused)("when it tries %s", (name, code, sentence) => {
    it(`is refused with ${code} and a sentence`, () => {
      expect(s.refusals[name]?.status).toBe(`StatusCode.${code}`);
      expect(s.refusals[name]?.message).toContain(sentence);
    });
  });
}

describe("tritonclient.grpc, as PyPI has it", () => {
  if (hasPython()) speaksStock();
  else it("is SKIPPED here: python3 with venv and pip was not found", () => expect(hasPython()).toBe(false));
});
