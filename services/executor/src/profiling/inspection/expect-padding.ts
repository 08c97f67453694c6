import type { TensorSignature } from "@infaas/onnx";
import { Code, ServiceError } from "@infaas/runtime";
import type { Padding } from "../../engines/engine-port";
import { paddedEngines } from "../../engines/padded-engine";
import { largestDifference } from "../../engines/tensor-difference";
import type { ProfilePorts } from "../measurement/profile-ports";
import type { LoadedModel } from "../measurement/profiled-model";
import { ModelRunner, type RunAnswer, withRunner } from "../onnx/model-runner";
import { randomRows } from "../onnx/random-rows";
import type { RowSet } from "../onnx/row-set";

/** Rows of each length that are run padded and as they are. */
const ROWS_PER_LENGTH = 3;
/** Largest difference that counts as the same answer, relative to the largest value: sums of another length are ordered otherwise. */
const PADDED_TOLERANCE = 1e-4;

/**
 * Makes sure that the padding a model's owner states leaves its answers alone: rows of several lengths are run padded and as
 * they are. Without a padding there is nothing to do.
 * @throws ServiceError INVALID_ARGUMENT when it does not fit the model or changes an answer.
 */
export async function expectPadding(loaded: LoadedModel, { engines }: ProfilePorts): Promise<void> {
  const { padding } = loaded.architecture;
  if (padding === undefined) return;
  const { path, rows, signature } = loaded;
  const size = { path, threads: 1, concurrency: 1, maxBatch: 1 };
  await withRunner(ModelRunner.open(engines, rows, size), async (plain) => {
    await withRunner(ModelRunner.open(paddedEngines(engines, padding), rows, size), async (padded) => {
      for (const length of probedLengths(padding.sizes)) {
        const probed = rowsOfLength(loaded, padding, length);
        for (let row = 0; row < ROWS_PER_LENGTH; row++) {
          const [alone, together] = [
            await plain.over(probed).run([row]),
            await padded.over(probed).run([row]),
          ];
          const fault = differenceFault(signature.outputs, alone, together);
          if (fault !== null)
            throw new ServiceError(
              Code.INVALID_ARGUMENT,
              `padding changes the answer to a request of length ${length}: ${fault}`,
            );
        }
      }
    });
  });
}

/** Below the first and the last size by one, and by half of the way to the size before. */
function probedLengths(sizes: readonly number[]): number[] {
  const last = sizes.at(-1) ?? 1;
  const before = sizes.at(-2) ?? 0;
  const first = sizes[0] ?? 1;
  const lengths = [first - 1, Math.ceil(first / 2), last - 1, Math.ceil((before + last) / 2)];
  return [...new Set(lengths)].filter((length) => length >= 1);
}

function rowsOfLength({ rows, signature }: LoadedModel, padding: Padding, length: number): RowSet {
  const shapes = rows.dimsOf(1);
  for (const { name, axis } of padding.inputs) {
    const shape = shapes[signature.inputs.findIndex((input) => input.name === name)];
    if (shape !== undefined) shape[axis] = length;
  }
  return randomRows(signature.inputs, { shapes, count: ROWS_PER_LENGTH });
}

function differenceFault(
  outputs: readonly TensorSignature[],
  alone: RunAnswer,
  padded: RunAnswer,
): string | null {
  for (const [i, { name, datatype }] of outputs.entries()) {
    const [a, b] = [alone.outputs[i]!, padded.outputs[i]!];
    const shapes = [alone.outputDims[i], padded.outputDims[i]].map((dims) => `[${dims?.join(", ")}]`);
    if (shapes[0] !== shapes[1]) return `output ${name} is ${shapes[0]}, padded ${shapes[1]}`;
    const magnitude = Math.max(1, largestDifference(datatype, a, new Uint8Array(a.byteLength)) ?? 1);
    const difference = (largestDifference(datatype, a, b) ?? Number.POSITIVE_INFINITY) / magnitude;
    if (!(difference <= PADDED_TOLERANCE))
      return `output ${name} differs by ${difference.toPrecision(3)}; ${PADDED_TOLERANCE} is allowed`;
  }
  return null;
}
