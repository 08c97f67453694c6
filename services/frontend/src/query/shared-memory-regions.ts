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

/**
 * Regions that may be registered at once, by all tenants together; one tenant may have as many as are left
 * free.
 */
const REGIONS_MAX = 4_096;

/**
 * The system shared memory that clients on this host have registered at this frontend. Nothing is kept open.
 */
export class SharedMemoryRegions {
  private readonly byTenant = new Map<string, Map<string, SharedMemoryRegion>>();
  private count = 0;

  /**
   * The regions of one tenant: a name means something to the tenant that registered it, and to nobody else.
   */
  of(tenant: string): TenantRegions {
    return new TenantRegions(this, tenant);
  }

  /** Called by `TenantRegions`. */
  named(tenant: string): ReadonlyMap<string, SharedMemoryRegion> {
    return this.byTenant.get(tenant) ?? NO_REGIONS;
  }

  /** Called by `TenantRegions`. RESOURCE_EXHAUSTED when the tenant has as many regions as are free. */
  add(tenant: string, region: SharedMemoryRegion): void {
    const own = this.byTenant.get(tenant) ?? new Map<string, SharedMemoryRegion>();
    if (own.size >= REGIONS_MAX - this.count) {
      const sentence = `${own.size} shared memory regions of '${tenant}' and ${this.count} in all are registered of ${REGIONS_MAX} that may be, no more of '${tenant}' are now; unregister some first`;
      throw new ServiceError(Code.RESOURCE_EXHAUSTED, sentence);
    }
    this.byTenant.set(tenant, own.set(region.name, region));
    this.count += 1;
  }

  /** Called by `TenantRegions`. */
  remove(tenant: string, names: readonly string[]): void {
    const own = this.byTenant.get(tenant);
    if (own === undefined) return;
    for (const name of names) if (own.delete(name)) this.count -= 1;
    if (own.size === 0) this.byTenant.delete(tenant);
  }
}

const NO_REGIONS: ReadonlyMap<string, SharedMemoryRegion> = new Map();

/** What one tenant has registered. */
export class TenantRegions {
  constructor(
    private readonly regions: SharedMemoryRegions,
    private readonly tenant: string,
  ) {}

  /** ALREADY_EXISTS for a known name, INVALID_ARGUMENT for memory that does not exist or is too short. */
  register(claim: RegionClaim): void {
    const { name, key, offset, byteSize } = claim;
    if (name === "") throw new ServiceError(Code.INVALID_ARGUMENT, "shared memory region has no name");
    if (this.regions.named(this.tenant).has(name)) {
      throw new ServiceError(Code.ALREADY_EXISTS, `shared memory region '${name}' already in manager`);
    }
    const { identity, bytes } = look(key);
    if (byteSize === 0 || offset + byteSize > bytes) {
      const sentence = `shared memory region '${name}' is ${byteSize} bytes at ${offset} of '${key}', which has ${bytes}`;
      throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
    }
    this.regions.add(this.tenant, { ...claim, identity });
  }

  /** The region of this name; NOT_FOUND when the tenant has none. */
  find(name: string): SharedMemoryRegion | ServiceError {
    const region = this.regions.named(this.tenant).get(name);
    if (region !== undefined) return region;
    return new ServiceError(Code.NOT_FOUND, `Unable to find system shared memory region: '${name}'`);
  }

  all(): readonly SharedMemoryRegion[] {
    return [...this.regions.named(this.tenant).values()];
  }

  /** Forgets a name, or all of the tenant for the empty one. An unknown name is no error, as with Triton. */
  unregister(name: string): void {
    this.regions.remove(this.tenant, name === "" ? [...this.regions.named(this.tenant).keys()] : [name]);
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
