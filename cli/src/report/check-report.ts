import type { ModelDescription, TensorSignature } from "@infaas/onnx";
import type { Terminal } from "../terminal/terminal";
import { fileSize } from "./format";
import { tensorSpecText } from "./tensor-spec";

/** A model file as `infaas check` tells it; bytes are those of the file, weights beside it not counted. */
export interface CheckedModel {
  readonly path: string;
  readonly bytes: number;
  readonly external: readonly { readonly name: string; readonly bytes: number }[];
  readonly model: ModelDescription;
}

/** Returns the value that `--json` prints of a check: names and sentences, no messages of the file. */
export function checkJson({ path, bytes, external, model }: CheckedModel) {
  const { inputs, outputs, optionalInputs, irVersion, opsets, nodes, drawsAnswers } = model;
  return {
    path,
    bytes,
    externalData: external,
    irVersion,
    opsets,
    nodes,
    inputs,
    optionalInputs,
    outputs,
    batchable: model.unbatchableReason === "",
    ...(model.unbatchableReason === "" ? {} : { unbatchableReason: model.unbatchableReason }),
    drawsAnswers,
    precisions: precisionsOf(model),
  };
}

/** Prints what registration would make of a model. */
export function printCheck({ path, bytes, external, model }: CheckedModel, terminal: Terminal): void {
  const opsets = Object.entries(model.opsets).map(([domain, version]) => `${domain} ${version}`);
  terminal.print(`${path}: ${fileSize(bytes)}, ${model.nodes} nodes`);
  terminal.print(`onnx    IR version ${model.irVersion}, operator sets ${opsets.join(", ") || "none"}`);
  for (const file of external) terminal.print(`weights ${file.name}, ${fileSize(file.bytes)}`);
  for (const spec of model.inputs) terminal.print(`input   ${textOf(spec, false)}`);
  for (const spec of model.optionalInputs) terminal.print(`input   ${textOf(spec, true)}`);
  for (const spec of model.outputs) terminal.print(`output  ${textOf(spec, false)}`);
  terminal.print(`batched ${batchingOf(model)}`);
  for (const { precision, available, note } of precisionsOf(model))
    terminal.print(`${precision.padEnd(7)} ${available ? "yes" : "no"}: ${note}`);
  if (model.drawsAnswers) terminal.print("draws   its answers: equal input may be answered otherwise");
}

function batchingOf({ unbatchableReason }: ModelDescription): string {
  if (unbatchableReason !== "") return `no: ${unbatchableReason}`;
  return "yes: the graph proves that rows leave each other's answers alone; registration runs some to check it";
}

interface PrecisionTold {
  readonly precision: "fp32" | "int8";
  readonly available: boolean;
  readonly note: string;
}

/** The precisions of variants that registration makes; full precision is the file as it is, whatever its weights are. */
function precisionsOf({ int8 }: ModelDescription): PrecisionTold[] {
  const full = { precision: "fp32", available: true, note: "the file as it is" } as const;
  if (!int8.possible) return [full, { precision: "int8", available: false, note: int8.reason }];
  const alone = int8.unbatchableReason === "" ? "" : "; its requests are computed alone";
  const note = `${int8.nodes.length} operators, where the task has labelled examples and accuracy falls by no more than --tolerance${alone}`;
  return [full, { precision: "int8", available: true, note }];
}

function textOf(spec: TensorSignature, optional: boolean): string {
  const { name, datatype, shape, anyRank } = spec;
  return tensorSpecText({ name, datatype, shape: shape.map(BigInt), optional, anyRank: anyRank === true });
}
