import { create } from "@bufbuild/protobuf";
import { adaptElement } from "@infaas/adapters";
import {
  type Accuracy,
  AccuracyOrigin,
  AccuracySchema,
  type Adapter,
  decodeBytes,
  readNumbers,
  type Task,
} from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { type Clock, Code, ServiceError } from "@infaas/runtime";
import type { ModelRunner } from "../onnx/model-runner";
import { exampleRows, type RowSet } from "../onnx/row-set";

/** Labelled examples, checked against the model's inputs. */
export interface LabelledRows {
  readonly rows: RowSet;
  /** Class index per row. */
  readonly labels: Int32Array;
}

/** Longest validation run. A part of the examples is not enough: the first might be all of one class. */
const VALIDATION_MS_MAX = 120_000;
/** Examples that are decoded at once: as many as libuv has threads for. */
const ADAPTED_TOGETHER = 4;
/** The only metric: the share of examples whose largest value of the first output is the labelled class. */
const METRIC = "accuracy";

/** A task's validation set, and the model that it is read for. */
export interface ValidationOptions {
  readonly task: Task;
  readonly inputs: readonly TensorSignature[];
  /** Of the model; undefined: it has none. */
  readonly adapter: Adapter | undefined;
  readonly readArtifact: (digest: string) => Promise<Buffer>;
}

/**
 * Returns the validation set of a task, or null when it has none.
 * @throws ServiceError INVALID_ARGUMENT when the files do not fit the count or the model, UNIMPLEMENTED for
 * another metric.
 */
export async function readValidation(o: ValidationOptions): Promise<LabelledRows | null> {
  const { task, inputs, readArtifact } = o;
  const set = task.validation;
  if (!set?.inputsDigest) return null;
  if (task.metric !== "" && task.metric !== METRIC) {
    throw new ServiceError(
      Code.UNIMPLEMENTED,
      `metric ${task.metric} of task ${task.name} is not measured; ${METRIC} is`,
    );
  }
  const [examples, labels] = await Promise.all([
    readArtifact(set.inputsDigest),
    readArtifact(set.labelsDigest),
  ]);
  if (labels.byteLength !== set.count * Int32Array.BYTES_PER_ELEMENT) {
    const needed = `${set.count} examples need ${set.count * Int32Array.BYTES_PER_ELEMENT}`;
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `validation labels have ${labels.byteLength} bytes; ${needed}`,
    );
  }
  const tensors = set.adapted ? await adaptedExamples(o, examples, set.count) : examples;
  return {
    rows: exampleRows(inputs, tensors, set.count),
    labels: Int32Array.from({ length: set.count }, (_, row) =>
      labels.readInt32LE(row * Int32Array.BYTES_PER_ELEMENT),
    ),
  };
}

/** Pictures or texts as the rows that the model takes. */
async function adaptedExamples(
  { task, inputs, adapter }: ValidationOptions,
  examples: Buffer,
  count: number,
): Promise<Buffer> {
  const refused = (why: string) =>
    new ServiceError(Code.INVALID_ARGUMENT, `examples of task ${task.name} are pictures or texts: ${why}`);
  const [input] = inputs;
  if (adapter === undefined || input === undefined) throw refused("the model has no adapter for them");
  const elements = decodeBytes(examples);
  if (!elements.ok) throw refused(elements.fault);
  if (elements.value.length !== count)
    throw refused(`${elements.value.length} are there, ${count} are stated`);
  const rows: Uint8Array[] = [];
  for (let start = 0; start < count; start += ADAPTED_TOGETHER) {
    const some = elements.value.slice(start, start + ADAPTED_TOGETHER);
    const { datatype } = input;
    rows.push(...(await Promise.all(some.map((bytes) => adaptElement(adapter, { bytes, datatype })))));
  }
  return Buffer.concat(rows);
}

/**
 * Returns the share of rows (0..1) answered with their label, run in batches of at most `batch`.
 * @throws ServiceError DEADLINE_EXCEEDED after two minutes.
 */
export async function measureAccuracy(o: {
  readonly runner: ModelRunner;
  readonly validation: LabelledRows;
  readonly output: TensorSignature;
  readonly batch: number;
  readonly clock: Clock;
}): Promise<number> {
  const { labels } = o.validation;
  const deadlineMs = o.clock.nowMs() + VALIDATION_MS_MAX;
  let right = 0;
  for (let start = 0; start < labels.length; start += o.batch) {
    if (o.clock.nowMs() > deadlineMs) throw tooSlow(start, labels.length);
    const size = Math.min(o.batch, labels.length - start);
    const { outputs } = await o.runner.run(Array.from({ length: size }, (_, index) => start + index));
    const scores = readScores(o.output, outputs[0] ?? new Uint8Array());
    const classes = scores.length / size;
    for (let row = 0; row < size; row++) {
      const answer = classOf(
        Array.prototype.slice.call(scores, row * classes, (row + 1) * classes).map(Number),
      );
      if (answer === labels[start + row]) right += 1;
    }
  }
  return right / labels.length;
}

/** Returns a variant's accuracy: as measured, else as declared by its owner, else undefined. */
export function accuracyOf(o: {
  readonly measured: number | null;
  readonly declared: number | undefined;
  readonly task: Task;
}): Accuracy | undefined {
  const metric = o.task.metric || METRIC;
  const dataset = o.task.validation?.dataset ?? "";
  if (o.measured !== null) {
    const sampleCount = o.task.validation?.count ?? 0;
    return create(AccuracySchema, {
      value: o.measured,
      metric,
      dataset,
      sampleCount,
      origin: AccuracyOrigin.MEASURED,
    });
  }
  if (o.declared === undefined) return undefined;
  return create(AccuracySchema, { value: o.declared, metric, dataset, origin: AccuracyOrigin.DECLARED });
}

function tooSlow(done: number, count: number): ServiceError {
  const limit = `${VALIDATION_MS_MAX / 1000} s are allowed for a validation set`;
  return new ServiceError(Code.DEADLINE_EXCEEDED, `${done} of ${count} examples were run in time; ${limit}`);
}

function readScores({ name, datatype }: TensorSignature, bytes: Uint8Array): ArrayLike<number | bigint> {
  const scores = readNumbers(datatype, bytes);
  if (scores) return scores;
  throw new ServiceError(
    Code.UNIMPLEMENTED,
    `accuracy from output ${name} of datatype ${datatype} is not measured`,
  );
}

/** One value is the class itself; of several scores, the index of the largest, the first of equals. */
function classOf(scores: readonly number[]): number {
  const [only] = scores;
  if (scores.length === 1 && only !== undefined) return Math.round(only);
  return scores.reduce((best, score, index) => (score > scores[best]! ? index : best), 0);
}
