import { fromBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema, ModelInferResponseSchema } from "@infaas/api";
import type { FuzzedSystem } from "./fuzzed-system";

const toleratedDifference = 1e-4;
/** Least accuracy of the zoo's models; less means that the learned answers are wrong. */
const accuracyMin = 0.8;
const floatBytes = 4;

/** The answer to each row, asked alone before the run; it has to be the same whenever the row is asked. */
export class AnswerBook {
  private readonly byRow: Float32Array[] = [];
  private readonly byBytes = new Map<string, Float32Array>();
  private readonly rowBytes: number;

  constructor(private readonly system: FuzzedSystem) {
    this.rowBytes = system.rows[0]?.byteLength ?? 0;
  }

  /** Notes the answer to the next row. */
  learn(raw: Uint8Array): void {
    const values = floats(raw);
    this.byBytes.set(keyOf(this.system.rows[this.byRow.length]!), values);
    this.byRow.push(values);
  }

  /** Throws when too few of the learned answers are right. */
  mustBeAccurate(): void {
    const right = this.byRow.filter(
      (values, i) => values.indexOf(Math.max(...values)) === this.system.labels[i],
    );
    const accuracy = right.length / this.byRow.length;
    if (accuracy < accuracyMin)
      throw new Error(`${accuracy} of the first answers are right, not ${accuracyMin}`);
  }

  /** Returns what is wrong with an answer to these rows; null when nothing is. */
  faultOf(rows: readonly number[], raw: Uint8Array | undefined): string | null {
    return faultIn(
      raw ?? new Uint8Array(),
      rows.map((row) => this.byRow[row]!),
    );
  }

  /**
   * Returns what is wrong with an answer to a mutated ModelInferRequest; null when nothing is. A decoder
   * other than the server's has to read it, and known rows have to have their learned answers.
   */
  faultOfMutated(request: Uint8Array, answer: Uint8Array | undefined): string | null {
    const {
      modelName,
      rawInputContents,
      outputs: wanted,
      inputs,
    } = fromBinary(ModelInferRequestSchema, request);
    const { outputs, rawOutputContents } = fromBinary(ModelInferResponseSchema, answer ?? new Uint8Array());
    if (outputs.length !== rawOutputContents.length)
      return `${outputs.length} outputs with ${rawOutputContents.length} contents`;
    const [raw] = rawInputContents;
    if (modelName !== this.system.variant || raw === undefined || wanted.length > 0 || inputs.length !== 1)
      return null;
    const count = raw.byteLength / this.rowBytes;
    if (!Number.isInteger(count)) return `${raw.byteLength} bytes of input were taken`;
    const [output] = rawOutputContents;
    const bytes = (output?.byteLength ?? 0) / count;
    for (let row = 0; row < count; row++) {
      const known = this.byBytes.get(keyOf(raw.subarray(row * this.rowBytes, (row + 1) * this.rowBytes)));
      const got = output?.subarray(row * bytes, (row + 1) * bytes) ?? new Uint8Array();
      const fault = known === undefined ? null : faultIn(got, [known]);
      if (fault !== null) return `row ${row} of ${count}: ${fault}`;
    }
    return null;
  }
}

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function floats(raw: Uint8Array): Float32Array {
  return new Float32Array(Uint8Array.from(raw).buffer, 0, Math.floor(raw.byteLength / floatBytes));
}

function faultIn(raw: Uint8Array, expected: readonly Float32Array[]): string | null {
  const count = expected.reduce((sum, values) => sum + values.length, 0);
  if (raw.byteLength !== count * floatBytes)
    return `${raw.byteLength} bytes instead of ${count * floatBytes}`;
  const got = floats(raw);
  let at = 0;
  for (const values of expected) {
    for (const value of values) {
      const difference = Math.abs(got[at++]! - value);
      if (!(difference <= toleratedDifference)) return `differs by ${difference}`;
    }
  }
  return null;
}
