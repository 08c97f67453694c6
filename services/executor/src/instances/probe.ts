import type { Engine } from "../engines/engine-port";
import { rowDims } from "../engines/row-dims";
import { largestDifference } from "../engines/tensor-difference";
import type { VariantSpec } from "./variant-spec";

/** Whether an instance answers as it did at registration. */
export type ProbeVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * Runs the golden row through a freshly loaded engine and compares the answer, so that a wrong file, a broken
 * download or a miscompiled engine never serves. A golden row without an answer, of a model that draws its answers, has to be
 * answered; a variant without golden data passes.
 */
export async function probeEngine(engine: Engine, spec: VariantSpec): Promise<ProbeVerdict> {
  if (spec.goldenInputs.length + spec.goldenOutputs.length === 0) return { ok: true };
  const faults = shapeFaults(engine, spec);
  if (faults.length > 0) return { ok: false, reason: `golden data of ${spec.name}: ${faults.join("; ")}` };
  const dims = engine.inputs.map(
    (tensor, i) => spec.goldenInputDims[i] ?? rowDims(tensor, spec.goldenInputs[i]?.byteLength ?? 0),
  );
  const query = { rows: 1, dims, lane: 0, timeoutMs: null, signal: null };
  const answer = await engine.submit(spec.goldenInputs, query);
  try {
    return spec.goldenOutputs.length === 0 ? { ok: true } : compareOutputs(engine, spec, answer.outputs);
  } finally {
    answer.release();
  }
}

function compareOutputs(engine: Engine, spec: VariantSpec, outputs: readonly Uint8Array[]): ProbeVerdict {
  for (const [i, tensor] of engine.outputs.entries()) {
    const wanted = spec.goldenOutputs[i] ?? new Uint8Array();
    const got = outputs[i] ?? new Uint8Array();
    const difference = largestDifference(tensor.datatype, wanted, got);
    if (difference === null) {
      const sizes = `${got.byteLength} bytes, registered were ${wanted.byteLength}`;
      return {
        ok: false,
        reason: `golden output ${tensor.name} of ${spec.name} cannot be compared: it has ${sizes}`,
      };
    }
    if (!(difference <= spec.goldenTolerance)) {
      const numbers = `differs by ${difference}, allowed is ${spec.goldenTolerance}`;
      return { ok: false, reason: `golden output ${tensor.name} of ${spec.name} ${numbers}` };
    }
  }
  return { ok: true };
}

function shapeFaults(engine: Engine, spec: VariantSpec): string[] {
  const faults: string[] = [];
  if (spec.goldenInputs.length !== engine.inputs.length) {
    faults.push(`${spec.goldenInputs.length} inputs, the model has ${engine.inputs.length}`);
  }
  if (spec.goldenOutputs.length !== 0 && spec.goldenOutputs.length !== engine.outputs.length) {
    faults.push(`${spec.goldenOutputs.length} outputs, the model has ${engine.outputs.length}`);
  }
  return faults;
}
