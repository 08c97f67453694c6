import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  decodeRaw,
  encodeBytes,
  type ModelInferResponse,
  ModelInferResponse_InferOutputTensorSchema,
  ModelInferResponseSchema,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { WantedClasses } from "./tensor-parameters";

/** Classes wanted of each output, and their labels. */
export interface ClassificationOptions {
  readonly classes: WantedClasses;
  /** The first axis of an output counts rows. */
  readonly batched: boolean;
  /** Names of the task's classes, by index; used for outputs that have as many elements a row. */
  readonly labels: readonly string[];
}

type Output = ModelInferResponse["outputs"][number];

/**
 * Returns an answer's body (outputs and raw contents) with the wanted outputs as their best classes: BYTES of shape
 * [rows, k], each `value:index` or `value:index:label`, best first. INVALID_ARGUMENT for an output without numbers.
 */
export function classified(body: Uint8Array, o: ClassificationOptions): Uint8Array | ServiceError {
  const answer = fromBinary(ModelInferResponseSchema, body);
  for (const [i, output] of answer.outputs.entries()) {
    const wanted = o.classes.get(output.name);
    const raw = answer.rawOutputContents[i];
    if (wanted === undefined || raw === undefined) continue;
    const values = numbersOf(output, raw);
    if (values instanceof ServiceError) return values;
    const rows = o.batched ? Number(output.shape[0] ?? 1n) : 1;
    const width = rows === 0 ? 0 : values.length / rows;
    const count = Math.min(wanted, width);
    const labels = o.labels.length === width ? o.labels : [];
    const isFloat = output.datatype.startsWith("FP");
    const texts: Uint8Array[] = [];
    for (let row = 0; row < rows; row++) {
      for (const index of bestOf(values, row * width, width).slice(0, count)) {
        const value = values[row * width + index] ?? 0;
        const told = isFloat ? Number(value).toFixed(FLOAT_DIGITS) : String(value);
        texts.push(Buffer.from([told, index, ...labels.slice(index, index + 1)].join(":")));
      }
    }
    const shape = o.batched ? [BigInt(rows), BigInt(count)] : [BigInt(count)];
    answer.outputs[i] = create(ModelInferResponse_InferOutputTensorSchema, {
      name: output.name,
      datatype: "BYTES",
      shape,
    });
    answer.rawOutputContents[i] = encodeBytes(texts);
  }
  return toBinary(ModelInferResponseSchema, answer);
}

/** Digits behind the point that C's `%f` has, which is what clients of Triton see. */
const FLOAT_DIGITS = 6;

function numbersOf(output: Output, raw: Uint8Array): readonly (number | bigint)[] | ServiceError {
  const decoded = decodeRaw(output.datatype, raw);
  const contents = decoded.ok ? decoded.value : {};
  const numbers =
    contents.fp32Contents ??
    contents.fp64Contents ??
    contents.intContents ??
    contents.int64Contents ??
    contents.uintContents ??
    contents.uint64Contents;
  if (numbers !== undefined) return numbers;
  const sentence = `class result not available for output '${output.name}' due to unsupported type '${output.datatype}'`;
  return new ServiceError(Code.INVALID_ARGUMENT, sentence);
}

/** Indexes of one row, best first; of equal values the lower index. NaN is worst. */
function bestOf(values: readonly (number | bigint)[], start: number, width: number): number[] {
  const row = values.slice(start, start + width).map((value) => (Number.isNaN(value) ? -Infinity : value));
  return [...row.keys()].sort((a, b) => (row[b]! > row[a]! ? 1 : row[b]! < row[a]! ? -1 : 0));
}
