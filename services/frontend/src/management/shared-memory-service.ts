import type { GRPCInferenceService } from "@infaas/api";
import { Code, type HandlersOf, ServiceError } from "@infaas/runtime";
import type { SharedMemoryRegion, SharedMemoryRegions } from "../query/shared-memory-regions";

type Methods =
  | "systemSharedMemoryStatus"
  | "systemSharedMemoryRegister"
  | "systemSharedMemoryUnregister"
  | "cudaSharedMemoryStatus"
  | "cudaSharedMemoryRegister"
  | "cudaSharedMemoryUnregister";

/**
 * The protocol's methods about shared memory, each of the caller's tenant. CUDA regions need a device in the
 * frontend's process, which has none.
 */
export function sharedMemoryHandlers(
  regions: SharedMemoryRegions,
): Pick<HandlersOf<typeof GRPCInferenceService>, Methods> {
  return {
    systemSharedMemoryStatus: async ({ name }, { caller }) => {
      const own = regions.of(caller.tenant);
      const found = name === "" ? own.all() : [known(own.find(name))];
      return { regions: Object.fromEntries(found.map((region) => [region.name, statusOf(region)])) };
    },
    systemSharedMemoryRegister: async ({ name, key, offset, byteSize }, { caller }) => {
      regions.of(caller.tenant).register({
        name,
        key,
        offset: exact("offset", offset),
        byteSize: exact("byte_size", byteSize),
      });
      return {};
    },
    systemSharedMemoryUnregister: async ({ name }, { caller }) => {
      regions.of(caller.tenant).unregister(name);
      return {};
    },
    cudaSharedMemoryStatus: async ({ name }) => {
      if (name === "") return {};
      throw new ServiceError(Code.NOT_FOUND, `Unable to find cuda shared memory region: '${name}'`);
    },
    cudaSharedMemoryRegister: async ({ name }) => {
      const sentence = `failed to register CUDA shared memory region '${name}': there is no GPU here`;
      throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
    },
    cudaSharedMemoryUnregister: async () => ({}),
  };
}

function statusOf({ name, key, offset, byteSize }: SharedMemoryRegion) {
  return { name, key, offset: BigInt(offset), byteSize: BigInt(byteSize) };
}

function known(found: SharedMemoryRegion | ServiceError): SharedMemoryRegion {
  if (found instanceof ServiceError) throw found;
  return found;
}

function exact(what: string, value: bigint): number {
  if (value <= Number.MAX_SAFE_INTEGER) return Number(value);
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `${what} is ${value}; allowed are 0 to ${Number.MAX_SAFE_INTEGER}`,
  );
}
