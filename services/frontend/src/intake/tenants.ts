import { type OverBounds, type TenantBounds, TenantLedger } from "@infaas/policy";
import type { Caller, CallerQuota, Clock } from "@infaas/runtime";

/** Tenants remembered at a time; beyond it those with nothing under way are forgotten, and with them what they spent of their rate. */
const TENANTS_MAX = 10_000;

/** One tenant and what it has under way here. */
export class Tenant {
  private quota: CallerQuota;
  private readonly ledger: TenantLedger;

  constructor(
    caller: Caller,
    private readonly o: TenantsOptions,
  ) {
    this.quota = caller.quota;
    this.ledger = new TenantLedger(boundsOf(caller.quota, o), o.clock.nowMs());
  }

  get idle(): boolean {
    return this.ledger.inFlight === 0;
  }

  /** Bounds of the token that was used last. */
  get bounds(): CallerQuota {
    return this.quota;
  }

  /** A tokens file that was read again may have brought other bounds. */
  follow(quota: CallerQuota): void {
    if (quota === this.quota) return;
    this.quota = quota;
    this.ledger.rebind(boundsOf(quota, this.o));
  }

  /** Notes one more query, or says why it may not come; a noted one must be released with the same bytes. */
  admit(requestBytes: number, nowMs: number): OverBounds | null {
    return this.ledger.admit(requestBytes, nowMs);
  }

  release(requestBytes: number): void {
    this.ledger.release(requestBytes);
  }
}

/** Bounds for tenants whose token has none of its own. */
export interface TenantsOptions {
  readonly clock: Clock;
  readonly inFlightMax: number;
  readonly queuedBytesMax: number;
}

/** Every tenant that calls this frontend. */
export class Tenants {
  private readonly byName = new Map<string, Tenant>();

  constructor(private readonly o: TenantsOptions) {}

  /** The tenant of a caller; two tokens of one tenant share it, with the bounds of the one used last. */
  of(caller: Caller): Tenant {
    const known = this.byName.get(caller.tenant);
    if (known !== undefined) {
      known.follow(caller.quota);
      return known;
    }
    if (this.byName.size >= TENANTS_MAX) this.forgetIdle();
    const tenant = new Tenant(caller, this.o);
    this.byName.set(caller.tenant, tenant);
    return tenant;
  }

  /** Bounds of a tenant by the token that it used here last; undefined: it is not known here. */
  quotaOf(tenant: string): CallerQuota | undefined {
    return this.byName.get(tenant)?.bounds;
  }

  private forgetIdle(): void {
    for (const [name, tenant] of this.byName) if (tenant.idle) this.byName.delete(name);
  }
}

function boundsOf(quota: CallerQuota, o: TenantsOptions): TenantBounds {
  return {
    ...quota,
    inFlightMax: quota.inFlightMax ?? o.inFlightMax,
    queuedBytesMax: quota.queuedBytesMax ?? o.queuedBytesMax,
  };
}
