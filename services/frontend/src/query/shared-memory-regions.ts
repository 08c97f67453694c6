import { Code, ServiceError, SharedMemoryFile } from "@infaas/runtime";

/** A part of a memory object that a client has registered under a name. */
export interface SharedMemoryRegion {
  readonly name: string;
  readonly key: string;
  readonly offset: number;
  readonly byteSize: number;
  /** Which object had the key when the region was registered. */
  readonly identity: string;
}

/** What a client says of a region. */
export type RegionClaim = Omit<SharedMemoryRegion, "identity">;

/** Regions that may be registered at once. */
const REGIONS_MAX = 4_096;

/** The system shared memory that clients on this host have registered at this frontend. Nothing is kept open. */
export class SharedMemoryRegions {
  private readonly byName = new Map<string, SharedMemoryRegion>();

  /** ALREADY_EXISTS for a known name, INVALID_ARGUMENT for memory that does not exist or is too short. */
  register(claim: RegionClaim): void {
    const { name, key, offset, byteSize } = claim;
    if (name === "") throw new ServiceError(Code.INVALID_ARGUMENT, "shared memory region has no name");
    if (this.byName.has(name)) {
      throw new ServiceError(Code.ALREADY_EXISTS, `shared memory region '${name}' already in manager`);
    }
    if (this.byName.size >= REGIONS_MAX) {
      const sentence = `${REGIONS_MAX} shared memory regions are registered, no more may be; unregister some first`;
      throw new ServiceError(Code.RESOURCE_EXHAUSTED, sentence);
    }
    const { identity, bytes } = look(key);
    if (byteSize === 0 || offset + byteSize > bytes) {
      const sentence = `shared memory region '${name}' is ${byteSize} bytes at ${offset} of '${key}', which has ${bytes}`;
      throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
    }
    this.byName.set(name, { ...claim, identity });
  }

  /** The region of this name; NOT_FOUND when none has it. */
  find(name: string): SharedMemoryRegion | ServiceError {
    const region = this.byName.get(name);
    if (region !== undefined) return region;
    return new ServiceError(Code.NOT_FOUND, `Unable to find system shared memory region: '${name}'`);
  }

  all(): readonly SharedMemoryRegion[] {
    return [...this.byName.values()];
  }

  /** Forgets a name, or all of them for the empty one. An unknown name is no error, as with Triton. */
  unregister(name: string): void {
    if (name === "") this.byName.clear();
    else this.byName.delete(name);
  }
}

function look(key: string): { readonly identity: string; readonly bytes: number } {
  const file = SharedMemoryFile.open(key, "read");
  try {
    return { identity: file.identity, bytes: file.size() ?? 0 };
  } finally {
    file.close();
  }
}
