import {
  type Architecture,
  adapterFault,
  DERIVED_NAME_MAX_LENGTH,
  externalDataFault,
  imageAdapterFaults,
  NAME_MAX_LENGTH,
  nameFault,
  ownTaskPrefix,
  type Task,
  type TaskSignature,
  type TensorSpec,
  textAdapterFaults,
} from "@infaas/api";
import { inUnit } from "./variant-rules";

/** Tensor element types of the Open Inference Protocol. */
const datatypes = new Set(
  "BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 BF16 FP32 FP64 BYTES".split(" "),
);
/**
 * Longest name of an input or output; it may hold any character, and never reaches a key, a path or a metric.
 */
export const TENSOR_NAME_MAX_LENGTH = 1_024;

/** Everything that is wrong with a task by itself. */
export function taskFaults(task: Task): string[] {
  const faults = [
    nameFault(
      "task",
      task.name,
      task.name.startsWith(ownTaskPrefix) ? DERIVED_NAME_MAX_LENGTH : NAME_MAX_LENGTH,
    ),
    task.metric === "" ? "metric is not given" : null,
    ...twice("label", task.labels),
    task.labels.includes("") ? "a label is empty" : null,
    ...(task.validation === undefined ? [] : validationFaults(task.validation)),
    ...(task.signature === undefined ? [] : signatureFaults(task.signature)),
    ...(task.image === undefined ? [] : imageAdapterFaults(task.image)),
    ...(task.text === undefined ? [] : textAdapterFaults(task.text)),
  ];
  return faults.filter((fault) => fault !== null);
}

/** Everything that is wrong with an architecture by itself. */
export function architectureFaults(architecture: Architecture): string[] {
  const { declaredAccuracy, batchable, unbatchableReason } = architecture;
  const faults = [
    nameFault("architecture", architecture.name),
    ...architecture.aliases.map((alias) => nameFault("alias", alias)),
    ...twice("alias", [architecture.name, ...architecture.aliases]),
    ...tensorFaults("input", architecture.inputs, batchable),
    ...tensorFaults("output", architecture.outputs, batchable),
    !batchable && unbatchableReason === "" ? "it is not batchable but no reason is given" : null,
    externalDataFault(architecture.externalData),
    architecture.adapter === undefined ? null : adapterFault(architecture.adapter, architecture.inputs),
    inUnit("accuracy tolerance", architecture.accuracyTolerance),
    declaredAccuracy === undefined ? null : inUnit("declared accuracy", declaredAccuracy),
  ];
  return faults.filter((fault) => fault !== null);
}

function signatureFaults({ inputs, outputs, batchable = false }: TaskSignature): (string | null)[] {
  return [...tensorFaults("input", inputs, batchable), ...tensorFaults("output", outputs, batchable)];
}

function validationFaults({ dataset, count }: NonNullable<Task["validation"]>): (string | null)[] {
  return [
    dataset === "" ? "validation dataset has no name" : null,
    count >= 1 ? null : `validation count ${count} is below 1`,
  ];
}

function tensorFaults(what: string, tensors: readonly TensorSpec[], batchable: boolean): (string | null)[] {
  const isBare = tensors.every(({ optional }) => optional) && (what === "output" || batchable);
  const faults: (string | null)[] = isBare ? [`it has no ${what}`] : [];
  faults.push(
    ...twice(
      what,
      tensors.map(({ name }) => name),
    ),
  );
  for (const { name, datatype, shape, optional, anyRank } of tensors) {
    const called = `${what} "${name}"`;
    if (name === "") faults.push(`an ${what} has no name`);
    if (name.length > TENSOR_NAME_MAX_LENGTH)
      faults.push(`an ${what} name of ${name.length} characters exceeds ${TENSOR_NAME_MAX_LENGTH}`);
    if (!datatypes.has(datatype)) faults.push(`${called} has unknown datatype "${datatype}"`);
    if (shape.some((side) => side < -1n)) faults.push(`${called} has shape [${shape.join(", ")}]`);
    if (optional && what === "output") faults.push(`${called} is optional, which only inputs can be`);
    if (anyRank && shape.join() !== "-1")
      faults.push(`${called} of any rank has shape [${shape.join(", ")}]`);
    if (batchable && anyRank && !optional) faults.push(`${called} of any rank can have no batch axis`);
    if (batchable && !optional && shape[0] !== -1n) {
      faults.push(`${called} has first axis ${shape[0] ?? "none"}, must be -1 in a batchable architecture`);
    }
  }
  return faults;
}

function twice(what: string, names: readonly string[]): string[] {
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  return [...new Set(repeated)].map((name) => `${what} "${name}" is given twice`);
}
