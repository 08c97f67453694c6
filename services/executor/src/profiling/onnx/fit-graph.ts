import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AttributeProtoSchema,
  type DataType,
  elementTypeOf,
  type NodeProto,
  OperatorSetIdProtoSchema,
  type TensorMapping,
  type TensorSpec,
  type TensorSpecs,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "@infaas/api";
import { createNode, type OnnxModel, opsetOf } from "@infaas/onnx";
import { Code, ServiceError } from "@infaas/runtime";
import { freshName, namesOf, renameValues } from "./rename-values";

/** Ints as an attribute's type. */
const INTS_ATTRIBUTE = 7;
/** From here on Cast names its type by number. */
const CAST_OPSET_MIN = 6;
/** Operator set that a model without any operator of ONNX's own domain gets. */
const OPSET_ADDED = 13n;

/** A tensor of the model that gets another name, axis order or datatype. */
interface Fitting {
  readonly mapping: TensorMapping;
  readonly kind: "input" | "output";
  readonly info: ValueInfoProto;
  /** Datatype to convert to; null: the model's own. */
  readonly datatype: DataType | null;
}

/**
 * Fits a model to its task, in place: renames inputs and outputs as `mappings` say, transposes and casts those whose
 * axis order or datatype is another, and leaves out outputs that the task does not have. What the engine opens then takes
 * and gives the task's tensors, so that nothing is converted anywhere else. Returns whether anything changed.
 * @param signature The task's; undefined while it has none.
 * @throws ServiceError INVALID_ARGUMENT for a mapping that is none of this model, naming what it has.
 */
export function fitGraph(
  model: OnnxModel,
  mappings: readonly TensorMapping[],
  signature: TensorSpecs | undefined,
): boolean {
  const fittings = mappings.map((mapping) => fittingOf(model, mapping, mappings, signature));
  const before = model.graph.output.length;
  if (signature !== undefined)
    dropOutputs(model, new Map(mappings.map((m) => [m.source, m.name])), signature);
  const { input, output } = model.graph;
  const converted = fittings.filter((f) => isConverted(f) && [...input, ...output].includes(f.info));
  if (converted.some(({ datatype }) => datatype !== null) && opsetOf(model) < CAST_OPSET_MIN) {
    if (ownOpset(model) !== undefined)
      throw invalid(
        `operator set ${opsetOf(model)} of the model is too old to cast in; ${CAST_OPSET_MIN} is needed`,
      );
  }
  const taken = namesOf(model.graph);
  for (const { name } of mappings) taken.add(name);
  const inner = new Map(converted.map((f) => [f, freshName(f.mapping.name, taken)] as const));
  renameValues(
    model.graph,
    new Map(fittings.map((f) => [f.mapping.source, inner.get(f) ?? f.mapping.name] as const)),
    converted.map((f) => f.mapping.name),
  );
  if (converted.length > 0 && ownOpset(model) === undefined)
    model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: "", version: OPSET_ADDED }));
  const used = new Set([...namesOf(model.graph), ...inner.values()]);
  for (const [fitting, name] of inner) convert(model, fitting, name, used);
  return mappings.length > 0 || model.graph.output.length !== before;
}

function isConverted({ mapping, datatype }: Fitting): boolean {
  return datatype !== null || mapping.axes.some((axis, index) => axis !== index);
}

function ownOpset({ opsetImport }: OnnxModel) {
  return opsetImport.find(({ domain = "" }) => domain === "" || domain === "ai.onnx");
}

function fittingOf(
  { graph }: OnnxModel,
  mapping: TensorMapping,
  all: readonly TensorMapping[],
  signature: TensorSpecs | undefined,
): Fitting {
  const { name, source, axes, cast } = mapping;
  const sides = [
    { kind: "input", has: graph.input, wants: signature?.inputs },
    { kind: "output", has: graph.output, wants: signature?.outputs },
  ] as const;
  const found = sides.filter(({ has }) => has.some((info) => info.name === source));
  const [side, other] = found;
  if (side === undefined) {
    const names = (infos: readonly ValueInfoProto[]) => infos.map((info) => info.name).join(", ");
    throw invalid(
      `mapping '${name}=${source}': the model has inputs ${names(graph.input)} and outputs ${names(graph.output)}`,
    );
  }
  if (other !== undefined)
    throw invalid(`mapping '${name}=${source}': '${source}' is an input and an output of the model`);
  if (all.filter((m) => m.source === source || m.name === name).length > 1)
    throw invalid(`mapping '${name}=${source}': a tensor is mapped once`);
  const info = side.has.find((one) => one.name === source)!;
  const taken = side.has.find((one) => one.name === name && !all.some((m) => m.source === name));
  if (taken !== undefined)
    throw invalid(
      `mapping '${name}=${source}': the model has an ${side.kind} '${name}' too; map that as well`,
    );
  expectAxes(mapping, info);
  if ((axes.length > 0 || cast) && graph.initializer.some((constant) => constant.name === source))
    throw invalid(`mapping '${name}=${source}': an input with a default can be renamed only`);
  const wanted = side.wants?.find((spec) => spec.name === name);
  if (cast && wanted === undefined)
    throw invalid(
      `mapping '${name}=${source}': what to cast to is not known, the task has no ${side.kind} '${name}'`,
    );
  const isOther = wanted !== undefined && elementTypeOf(wanted.datatype) !== info.type?.tensorType?.elemType;
  return { mapping, kind: side.kind, info, datatype: cast && isOther ? (wanted.datatype as DataType) : null };
}

function expectAxes({ name, source, axes, cast }: TensorMapping, { type }: ValueInfoProto): void {
  if (axes.length === 0 && !cast) return;
  const rank = type?.tensorType?.shape?.dim.length;
  if (rank === undefined)
    throw invalid(`mapping '${name}=${source}': only a tensor of known rank can be transposed or cast`);
  const isOrder =
    axes.length === rank && [...axes].sort((a, b) => a - b).every((axis, index) => axis === index);
  if (axes.length > 0 && !isOrder)
    throw invalid(`mapping '${name}=${source}': axes [${axes.join(", ")}] are no order of ${rank} axes`);
}

/** Leaves out what no caller of the task asks for; a sequence is answered as tensors called after it. */
function dropOutputs(
  { graph }: OnnxModel,
  names: ReadonlyMap<string, string>,
  { outputs }: TensorSpecs,
): void {
  const wanted = new Set(outputs.map((spec: TensorSpec) => spec.name.replace(/\.(keys|values|shapes)$/, "")));
  for (const { name } of outputs) wanted.add(name);
  const kept = graph.output.filter(({ name = "" }) => wanted.has(names.get(name) ?? name));
  // With none left the model is no answer to the task at all, and is refused by its whole signature.
  if (kept.length > 0) graph.output = kept;
}

/** The task's tensor in front of the model's input, or behind its output, with the nodes between them. */
function convert(
  model: OnnxModel,
  { mapping, kind, info, datatype }: Fitting,
  inner: string,
  taken: Set<string>,
): void {
  const { graph } = model;
  const { name } = mapping;
  const { axes } = mapping;
  const own = info.type?.tensorType;
  const dims = own?.shape?.dim ?? [];
  const dim = axes.length === 0 ? dims : dims.map((_, axis) => dims[axes.indexOf(axis)]!);
  const elemType = datatype === null ? own?.elemType : elementTypeOf(datatype);
  const outer = create(ValueInfoProtoSchema, {
    name,
    type: { tensorType: { ...(elemType === undefined ? {} : { elemType }), shape: { dim } } },
  } as MessageInitShape<typeof ValueInfoProtoSchema>);
  const list = kind === "input" ? graph.input : graph.output;
  list.splice(list.indexOf(info), 1, outer);
  const perm = kind === "input" ? axes : axes.map((_, axis) => axes.indexOf(axis));
  const to = kind === "input" ? own?.elemType : elemType;
  const [from, into] = kind === "input" ? [name, inner] : [inner, name];
  const nodes = steps({ from, into, perm, to: datatype === null ? undefined : to }, () =>
    freshName(name, taken),
  );
  if (kind === "input") graph.node.unshift(...nodes);
  else graph.node.push(...nodes);
}

function steps(
  o: { from: string; into: string; perm: readonly number[]; to: number | undefined },
  fresh: () => string,
): NodeProto[] {
  const { from, into, perm, to } = o;
  if (perm.length === 0) return [createNode("Cast", { inputs: [from], outputs: [into] }, { to: to ?? 0 })];
  const between = to === undefined ? into : fresh();
  const transpose = createNode("Transpose", { inputs: [from], outputs: [between] });
  transpose.attribute.push(
    create(AttributeProtoSchema, { name: "perm", type: INTS_ATTRIBUTE, ints: perm.map(BigInt) }),
  );
  if (to === undefined) return [transpose];
  return [transpose, createNode("Cast", { inputs: [between], outputs: [into] }, { to })];
}

function invalid(sentence: string): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, sentence);
}
