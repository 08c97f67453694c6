import type { MessageInitShape } from "@bufbuild/protobuf";
import type { InferParameter, InferParameterSchema } from "../gen/inference/grpc_service_pb";

/**
 * Where in shared memory a tensor lies: what a frontend makes of a region's name before it passes a request
 * on.
 */
export interface TensorPlacement {
  /** Key of the memory object, as shm_open has it. */
  readonly key: string;
  /** Tells the object that was registered from another of the same key, here or on another host. */
  readonly identity: string;
  /** From the beginning of the object. */
  readonly offset: number;
  readonly byteSize: number;
}

const KEY = "shared_memory_key";
const IDENTITY = "shared_memory_identity";
const OFFSET = "shared_memory_offset";
const BYTE_SIZE = "shared_memory_byte_size";

/** Returns the tensor parameters that carry a placement from a frontend to an executor. */
export function placementToParameters(
  p: TensorPlacement,
): Record<string, MessageInitShape<typeof InferParameterSchema>> {
  const text = (value: string) => ({ parameterChoice: { case: "stringParam" as const, value } });
  const whole = (value: number) => ({
    parameterChoice: { case: "int64Param" as const, value: BigInt(value) },
  });
  return {
    [KEY]: text(p.key),
    [IDENTITY]: text(p.identity),
    [OFFSET]: whole(p.offset),
    [BYTE_SIZE]: whole(p.byteSize),
  };
}

/** Returns the placement in a tensor's parameters; null when the tensor has none. */
export function placementFromParameters(
  parameters: Readonly<Record<string, InferParameter>>,
): TensorPlacement | null {
  const valueNamed = (name: string) => parameters[name]?.parameterChoice.value;
  const key = valueNamed(KEY);
  if (typeof key !== "string") return null;
  return {
    key,
    identity: String(valueNamed(IDENTITY) ?? ""),
    offset: Number(valueNamed(OFFSET) ?? 0),
    byteSize: Number(valueNamed(BYTE_SIZE) ?? 0),
  };
}
