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
  readonly shape: readonly number[];
  readonly parameters: Readonly<Record<string, unknown>>;
}

interface Described {
  readonly name: string;
  readonly versions: readonly string[];
  readonly inputs: readonly { shape: readonly number[] }[];
}

interface Seen {
  readonly live: boolean;
  readonly ready: boolean;
  readonly modelsReady: readonly boolean[];
  readonly unknownReady: boolean;
  readonly extensions: readonly string[];
  readonly metadata: Readonly<Record<string, Described>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly index: readonly (readonly [name: string, version: string, state: string])[];
  readonly variant: string;
  readonly byTask: Answered;
  readonly byShortTask: Answered;
  readonly byArchitecture: Answered;
  readonly byVariant: Answered;
  readonly async: readonly (readonly number[])[];
  readonly asyncio: readonly (readonly number[])[];
  readonly correct: number;
  readonly farthestFromAlone: number;
  readonly farthestInJson: number;
  readonly needsAsNumbers: Readonly<Record<string, unknown>>;
  readonly needsAsText: Readonly<Record<string, unknown>>;
  readonly needsAsHeaders: Readonly<Record<string, unknown>>;
  readonly gzip: readonly number[];
  readonly deflate: readonly number[];
  readonly statistics: readonly Readonly<Record<string, unknown>>[];
  readonly allStatistics: number;
  readonly classes: readonly string[];
  readonly sharedMemory: {
    readonly status: readonly unknown[];
    readonly shown: unknown;
    readonly same: boolean;
    readonly gone: { status: string; message: string } | null;
    readonly left: readonly unknown[];
  };
  readonly unloadedAndLoaded: readonly boolean[];
  readonly traceSettings: Readonly<Record<string, unknown>>;
  readonly logSettings: Readonly<Record<string, unknown>>;
  readonly refusals: Readonly<Record<string, { status: string; message: string } | null>>;
}

/** What each misuse is answered with: HTTP status and the part of the sentence that says what came or is allowed. */
const refused: readonly (readonly [string, string, string])[] = [
  ["unknown model", "404", "Request for unknown model: 'cats' is not found"],
  ["unknown version", "404", "version 9 is not found"],
  ["version no number", "400", "model version is 'latest'"],
  ["wrong shape", "400", "shape is [1, 3], the model takes [-1, 1, 8, 8]"],
  ["wrong type", "400", "datatype is FP64, the model takes FP32"],
  ["wrong input", "400", "sound"],
  ["wrong output", "400", "output mood is unknown, the model has logits"],
  ["too many rows", "400", "9999 rows came in one request, at most"],
  ["wrong requirement", "400", "slo_latency_ms is 'soon'; allowed: a number above 0"],
  ["impossible", "400", "accepted would be: with other accuracy"],
  ["statistics of unknown", "404", "unknown model: 'cats'"],
];

/** One run of the unmodified Python client against whole processes; every test reads what it saw. */
function speaksStock(): void {
  let s: Seen;

  beforeAll(async () => {
    await installStockClient();
    const cluster = await Cluster.start({ zoo: "digits-logreg,digits-cnn-s" });
    try {
      const words = [
        cluster.httpAddress,
        task,
        "digits-cnn-s",
        validation("inputs.bin"),
        validation("labels.bin"),
      ];
      s = await runStockClient<Seen>("stock_http_client.py", words);
    } finally {
      await cluster.stop();
    }
  }, 480_000);

  it("finds server and models ready, an unknown one not, and the extensions it looks for", () => {
    expect([s.live, s.ready, ...s.modelsReady, s.unknownReady]).toEqual([...Array(6).fill(true), false]);
    expect(s.extensions).toEqual(expect.arrayContaining(["statistics", "binary_tensor_data"]));
  });

  it("reads metadata and config of task, architecture and variant as of any model", () => {
    for (const [name, described] of Object.entries(s.metadata)) {
      expect(described).toMatchObject({ name, versions: ["1"] });
      expect(described.inputs[0]?.shape).toEqual([-1, 1, 8, 8]);
    }
    expect(s.config).toMatchObject({
      name: task,
      input: [{ data_type: "TYPE_FP32", dims: [1, 8, 8] }],
      output: [{ name: "logits", dims: [10] }],
      dynamic_batching: expect.any(Object),
    });
    expect(s.config.max_batch_size).toBeGreaterThan(1);
  });

  it("lists task, architecture and variant", () => {
    const names = s.index.map(([name]) => name);
    expect(names).toEqual(expect.arrayContaining([task, "digits-cnn-s", s.variant]));
  });

  it("is answered by task, architecture and variant under the name it used", () => {
    expect(s.byTask).toMatchObject({ model: task, version: "1", id: "q-7", shape: [16, 10] });
    expect(s.byShortTask).toMatchObject({ model: "digit-classification", version: "1", shape: [1, 10] });
    expect(s.byArchitecture).toMatchObject({ model: "digits-cnn-s", outputs: ["logits"] });
    expect(s.byVariant).toMatchObject({ model: s.variant, parameters: { variant: s.variant } });
  });

  it("asks several at once, by greenlets and by asyncio", () => {
    expect([...s.async, ...s.asyncio]).toEqual(Array(8).fill([1, 10]));
  });

  it("gets right answers, the same alone as in a batch and the same in JSON as in bytes", () => {
    expect(s.correct).toBeGreaterThanOrEqual(13);
    expect(s.farthestFromAlone).toBeLessThan(1e-5);
    expect(s.farthestInJson).toBeLessThan(1e-5);
  });

  it("finds the receipt in the answer's parameters", () => {
    const { parameters } = s.byTask;
    for (const name of ["queue_ms", "compute_ms", "total_ms", "cost", "accuracy", "batch_size"])
      expect(parameters[name]).toEqual(expect.any(Number));
    expect(parameters).toMatchObject({ accuracy_dataset: "uci-digits/last-797", executor: "executor-1" });
  });

  it("states requirements as numbers, as text and as headers", () => {
    for (const parameters of [s.needsAsNumbers, s.needsAsText, s.needsAsHeaders])
      expect(parameters).toMatchObject({ architecture: "digits-cnn-s" });
    expect(s.byTask.parameters).toMatchObject({ architecture: "digits-logreg" });
  });

  it("may compress what it sends and gets", () => {
    expect([s.gzip, s.deflate]).toEqual([
      [1, 10],
      [1, 10],
    ]);
  });

  it("reads statistics of a task, summed over its variants, and of all models", () => {
    expect(s.statistics).toHaveLength(1);
    expect(s.statistics[0]).toMatchObject({ name: "digit-classification", version: "1" });
    expect(s.statistics[0]?.inference_count).toBeGreaterThanOrEqual(48);
    expect(s.allStatistics).toBeGreaterThan(3);
  });

  it("gets the best classes instead of scores", () => {
    expect(s.classes).toHaveLength(3);
    for (const entry of s.classes) expect(entry).toMatch(/^-?[\d.]+:\d/);
  });

  it("puts tensors into system shared memory and takes them from there", () => {
    const { status, shown, same, gone, left } = s.sharedMemory;
    expect(status).toContainEqual({ name: "http_in", key: "/http_in", offset: 0, byte_size: 256 });
    expect(shown).toMatchObject({ name: "logits", parameters: { shared_memory_region: "http_out" } });
    expect(same).toBe(true);
    expect(gone?.message).toContain("http_in");
    expect(left).toEqual([]);
  });

  it("unloads a model and loads it again", () => {
    expect(s.unloadedAndLoaded).toEqual([false, true]);
  });

  it("reads trace and log settings", () => {
    expect(s.traceSettings).toMatchObject({ trace_level: expect.any(Array) });
    expect(s.logSettings).toMatchObject({ log_info: expect.any(Boolean) });
  });

  describe.each(refused)("when it tries %s", (name, status, sentence) => {
    it(`is refused with ${status} and a sentence`, () => {
      expect(s.refusals[name]?.status).toBe(status);
      expect(s.refusals[name]?.message).toContain(sentence);
    });
  });
}

describe("tritonclient.http, as PyPI has it", () => {
  if (hasPython()) speaksStock();
  else it("is SKIPPED here: python3 with venv and pip was not found", () => expect(hasPython()).toBe(false));
});
