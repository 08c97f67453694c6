import type { ModelDescription, TensorSignature } from "@infaas/onnx";
import { booleanSchema, listSchema, numberSchema, objectSchema, textSchema } from "../terminal/json-schema";
import type { Screen } from "../terminal/screen";
import { textLines } from "../terminal/table";
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

const tensorSchema = objectSchema({
  name: textSchema,
  datatype: textSchema,
  shape: listSchema(numberSchema),
  "symbols?": listSchema(textSchema),
  "anyRank?": booleanSchema,
});

/** What `checkJson` returns. */
export const checkSchema = objectSchema({
  path: textSchema,
  bytes: numberSchema,
  externalData: listSchema(objectSchema({ name: textSchema, bytes: numberSchema })),
  irVersion: numberSchema,
  opsets: { type: "object", additionalProperties: numberSchema },
  nodes: numberSchema,
  inputs: listSchema(tensorSchema),
  optionalInputs: listSchema(tensorSchema),
  outputs: listSchema(tensorSchema),
  batchable: booleanSchema,
  "unbatchableReason?": textSchema,
  drawsAnswers: booleanSchema,
  precisions: listSchema(
    objectSchema({ precision: { enum: ["fp32", "int8"] }, available: booleanSchema, note: textSchema }),
  ),
});

/** Returns what registration would make of a model. */
export function checkLines(
  { path, bytes, external, model }: CheckedModel,
  screen: Screen,
): readonly string[] {
  const opsets = Object.entries(model.opsets).map(([domain, version]) => `${domain} ${version}`);
  return [
    `${path}: ${fileSize(bytes)}, ${model.nodes} nodes`,
    `onnx    IR version ${model.irVersion}, operator sets ${opsets.join(", ") || "none"}`,
    ...external.map((file) => `weights ${file.name}, ${fileSize(file.bytes)}`),
    ...model.inputs.map((spec) => `input   ${textOf(spec, false)}`),
    ...model.optionalInputs.map((spec) => `input   ${textOf(spec, true)}`),
    ...model.outputs.map((spec) => `output  ${textOf(spec, false)}`),
    `batched ${batchingOf(model)}`,
    ...precisionsOf(model).map(
      ({ precision, available, note }) => `${precision.padEnd(7)} ${available ? "yes" : "no"}: ${note}`,
    ),
    ...(model.drawsAnswers ? ["draws   its answers: equal input may be answered otherwise"] : []),
  ].flatMap((line) => textLines(line, screen.width));
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
