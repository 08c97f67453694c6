/** @jest-environment ./zoo/onnxruntime-environment.cjs */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";

/** The parts of zoo/manifest.json that registration relies on. */
interface Manifest {
  readonly tasks: readonly Task[];
  readonly architectures: readonly Architecture[];
}

interface Task {
  readonly name: string;
  readonly labels: readonly string[];
  readonly input: {
    readonly name: string;
    readonly dtype: "FP32" | "INT64";
    readonly shape: readonly number[];
  };
  readonly output: { readonly name: string; readonly shape: readonly number[] };
  readonly text?: { readonly length: number; readonly alphabet: string; readonly unknownId: number };
  readonly validation: { readonly count: number; readonly inputs: StoredFile; readonly labels: StoredFile };
}

interface StoredFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

interface Architecture extends StoredFile {
  readonly name: string;
  readonly task: string;
  readonly flopsPerItem: number;
  readonly accuracy: number;
}

const MODELS_BYTES_MAX = 10e6;
const BATCH = 100;
const manifest = JSON.parse(readFileSync(join(__dirname, "manifest.json"), "utf8")) as Manifest;
const tasks = manifest.tasks.map((task) => [task.name, task] as const);
const architectures = manifest.architectures.map((a) => [a.name, a] as const);

describe("zoo manifest", () => {
  const files = [
    ...manifest.architectures,
    ...manifest.tasks.flatMap(({ validation }) => [validation.inputs, validation.labels]),
  ];

  it.each(files.map((file) => [file.file, file] as const))("knows the digest of %s", (_, stored) => {
    const data = readFileSync(join(__dirname, stored.file));
    expect(data.length).toBe(stored.bytes);
    expect(createHash("sha256").update(data).digest("hex")).toBe(stored.sha256);
  });

  it("names each model and task once, and no task that does not exist", () => {
    expect(new Set(architectures.map(([name]) => name)).size).toBe(architectures.length);
    expect(new Set(tasks.map(([name]) => name)).size).toBe(tasks.length);
    for (const [, { task }] of architectures) expect(tasks.map(([name]) => name)).toContain(task);
  });

  it("keeps all models together under 10 MB", () => {
    expect(manifest.architectures.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(MODELS_BYTES_MAX);
  });
});

describe.each(tasks)("task %s", (name, task) => {
  const family = manifest.architectures
    .filter((a) => a.task === name)
    .sort((a, b) => a.flopsPerItem - b.flopsPerItem);

  it("has at least two models, whose accuracy rises with compute", () => {
    expect(family.length).toBeGreaterThanOrEqual(2);
    for (const [i, next] of family.slice(1).entries()) {
      expect(next.accuracy).toBeGreaterThan(family[i]?.accuracy ?? 0);
    }
  });

  it("spans at least 20 times in compute", () => {
    const [cheapest, dearest] = [family[0]?.flopsPerItem ?? 0, family.at(-1)?.flopsPerItem ?? 0];
    expect(dearest / cheapest).toBeGreaterThanOrEqual(20);
  });

  it("holds as many inputs and labels as it counts, every label named", () => {
    const labels = readLabels(task);
    expect(readInputs(task).length).toBe(task.validation.count * itemCount(task));
    expect(labels.length).toBe(task.validation.count);
    expect(new Set(labels)).toEqual(new Set(task.labels.keys()));
  });
});

describe.each(architectures)("%s.onnx", (_, architecture) => {
  const task = taskOf(architecture);

  it("answers the validation set with exactly the accuracy the manifest states", async () => {
    const session = await open(architecture);
    expect([session.inputNames, session.outputNames]).toEqual([[task.input.name], [task.output.name]]);
    const labels = readLabels(task);
    const answers = await classify(session, task, readInputs(task));
    const right = answers.filter((answer, i) => answer === labels[i]).length;
    expect(right / task.validation.count).toBe(architecture.accuracy);
    await session.release();
  });
});

describe("text hint", () => {
  it("turns the example text into the example tensor", () => {
    const text = manifest.tasks.find((task) => task.text !== undefined)?.text;
    if (text === undefined) throw new Error("no task takes text");
    const name = readFileSync(join(__dirname, "examples/french-name.txt"), "utf8").trimEnd();
    const ids = [...name].map((c) => text.alphabet.indexOf(c) + 1 || text.unknownId);
    const example = JSON.parse(readFileSync(join(__dirname, "examples/french-name.json"), "utf8")) as {
      inputs: { data: number[] }[];
    };
    const padded = Array.from({ length: text.length }, (_, i) => ids[i] ?? 0);
    expect(example.inputs[0]?.data).toEqual(padded);
  });
});

function taskOf(architecture: Architecture): Task {
  const task = manifest.tasks.find(({ name }) => name === architecture.task);
  if (task === undefined) throw new Error(`unknown task '${architecture.task}'`);
  return task;
}

function itemCount(task: Task): number {
  return task.input.shape.reduce((product, size) => product * size, 1);
}

function readInputs(task: Task): Float32Array | BigInt64Array {
  const buffer = arrayBufferOf(task.validation.inputs);
  return task.input.dtype === "FP32" ? new Float32Array(buffer) : new BigInt64Array(buffer);
}

function readLabels(task: Task): Int32Array {
  return new Int32Array(arrayBufferOf(task.validation.labels));
}

function arrayBufferOf({ file }: StoredFile): ArrayBuffer {
  return new Uint8Array(readFileSync(join(__dirname, file))).buffer;
}

function open({ file }: Architecture): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(join(__dirname, file), { intraOpNumThreads: 1 });
}

/** The class index of every row. */
async function classify(
  session: ort.InferenceSession,
  task: Task,
  inputs: Float32Array | BigInt64Array,
): Promise<number[]> {
  const answers: number[] = [];
  const step = BATCH * itemCount(task);
  for (let start = 0; start < inputs.length; start += step) {
    const part = inputs.subarray(start, start + step);
    const dims = [part.length / itemCount(task), ...task.input.shape];
    const tensor =
      part instanceof Float32Array
        ? new ort.Tensor("float32", part, dims)
        : new ort.Tensor("int64", part, dims);
    const { [task.output.name]: logits } = await session.run({ [task.input.name]: tensor });
    if (!(logits?.data instanceof Float32Array)) throw new Error(`no float32 '${task.output.name}' came out`);
    answers.push(...argMaxRows(logits.data, task.labels.length));
  }
  return answers;
}

function argMaxRows(values: Float32Array, width: number): number[] {
  return Array.from({ length: values.length / width }, (_, row) => {
    const logits = values.subarray(row * width, (row + 1) * width);
    return logits.indexOf(Math.max(...logits));
  });
}
