import { create } from "@bufbuild/protobuf";
import {
  type InferParameter,
  InferParameterSchema,
  type ModelInferRequest,
  placementToParameters,
  type TensorPlacement,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { TenantRegions } from "./shared-memory-regions";

const REGION = "shared_memory_region";
const OFFSET = "shared_memory_offset";
const BYTE_SIZE = "shared_memory_byte_size";
const CLASSIFICATION = "classification";

/** How many best classes are wanted, by name of the output. */
export type WantedClasses = ReadonlyMap<string, number>;

type Tensor = ModelInferRequest["inputs"][number] | ModelInferRequest["outputs"][number];

/** Whether any tensor of the request has parameters of its own. */
export function hasTensorParameters({ inputs, outputs }: ModelInferRequest): boolean {
  return [...inputs, ...outputs].some(({ parameters }) => Object.keys(parameters).length > 0);
}

/**
 * Replaces the parameters of every tensor by what an executor needs of them: a region's name becomes the
 * place it stands for, classes are taken out and returned, everything else is dropped. Changes `message`.
 */
export function takeTensorParameters(
  message: ModelInferRequest,
  regions: TenantRegions,
): WantedClasses | ServiceError {
  const classes = new Map<string, number>();
  for (const input of message.inputs) {
    const placement = placementOf(`input '${input.name}'`, input, regions);
    if (placement instanceof ServiceError) return placement;
    if (placement !== null && input.contents !== undefined) {
      return invalid(`input '${input.name}' has both contents and shared memory, allowed is one`);
    }
    input.parameters = parametersOf(placement);
  }
  for (const output of message.outputs) {
    const placement = placementOf(`output '${output.name}'`, output, regions);
    if (placement instanceof ServiceError) return placement;
    const count = classCount(output);
    if (count instanceof ServiceError) return count;
    if (placement !== null && count > 0) {
      return invalid(
        `output '${output.name}' asks for ${CLASSIFICATION} in shared memory, allowed is one of them`,
      );
    }
    if (count > 0) classes.set(output.name, count);
    output.parameters = parametersOf(placement);
  }
  return classes;
}

/** Drops the parameters of every tensor; no classes are wanted then. Changes `message`. */
export function dropTensorParameters({ inputs, outputs }: ModelInferRequest): WantedClasses {
  for (const tensor of [...inputs, ...outputs]) tensor.parameters = {};
  return new Map();
}

function placementOf(
  what: string,
  { parameters }: Tensor,
  regions: TenantRegions,
): TensorPlacement | null | ServiceError {
  const region = parameters[REGION];
  if (region === undefined) {
    const orphan = [OFFSET, BYTE_SIZE].find((name) => name in parameters);
    return orphan === undefined ? null : invalid(`${what} has '${orphan}' without '${REGION}'`);
  }
  if (region.parameterChoice.case !== "stringParam") {
    return invalid(`${what} has '${REGION}' as ${kindOf(region)}; allowed: string_param`);
  }
  const byteSize = wholeNumber(what, BYTE_SIZE, parameters[BYTE_SIZE]);
  if (byteSize instanceof ServiceError) return byteSize;
  if (byteSize === null) return invalid(`${what} has '${REGION}' without '${BYTE_SIZE}'`);
  const offset = wholeNumber(what, OFFSET, parameters[OFFSET]);
  if (offset instanceof ServiceError) return offset;
  const found = regions.find(region.parameterChoice.value);
  if (found instanceof ServiceError) return found;
  const end = (offset ?? 0) + byteSize;
  if (end > found.byteSize) {
    return invalid(
      `${what} takes ${byteSize} bytes at ${offset ?? 0} of shared memory region '${found.name}', which has ${found.byteSize}`,
    );
  }
  return { key: found.key, identity: found.identity, offset: found.offset + (offset ?? 0), byteSize };
}

/** 0 = no classes. */
function classCount({ name, parameters }: Tensor): number | ServiceError {
  const count = wholeNumber(`output '${name}'`, CLASSIFICATION, parameters[CLASSIFICATION]);
  return count ?? 0;
}

function wholeNumber(
  what: string,
  name: string,
  parameter: InferParameter | undefined,
): number | null | ServiceError {
  if (parameter === undefined) return null;
  const { parameterChoice } = parameter;
  if (parameterChoice.case !== "int64Param") {
    return invalid(`${what} has '${name}' as ${kindOf(parameter)}; allowed: int64_param`);
  }
  const value = Number(parameterChoice.value);
  if (value >= 0 && Number.isSafeInteger(value)) return value;
  return invalid(`${what} has '${name}' of ${value}; allowed are 0 to ${Number.MAX_SAFE_INTEGER}`);
}

/** The name of a choice as the proto file has it: `int64_param`. */
function kindOf({ parameterChoice }: InferParameter): string {
  return parameterChoice.case?.replace("Param", "_param") ?? "nothing";
}

function parametersOf(placement: TensorPlacement | null): Record<string, InferParameter> {
  if (placement === null) return {};
  const entries = Object.entries(placementToParameters(placement));
  return Object.fromEntries(entries.map(([name, init]) => [name, create(InferParameterSchema, init)]));
}

function invalid(sentence: string): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, sentence);
}
