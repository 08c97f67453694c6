import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Job, JobQuotaSchema } from "@infaas/api";
import type { Caller, CallerQuota } from "@infaas/runtime";
import type { Tenants } from "../tenants";

/** The tenant of a job as a caller: bounded as where it calls itself, else as when it submitted the job. */
export function jobCaller(tenants: Tenants, { tenant, owner, quota }: Job): Caller {
  const bounds = tenants.quotaOf(tenant) ?? {
    queriesPerSecond: quota?.queriesPerSecond ?? null,
    burst: quota?.burst ?? null,
    inFlightMax: quota?.inFlightMax ?? null,
    queuedBytesMax: quota?.queuedBytesMax ?? null,
  };
  return { tenant, isNamed: owner !== "", roles: new Set(), quota: bounds };
}

/** A caller's bounds as the record of its job has them. */
export function jobQuota(quota: CallerQuota): MessageInitShape<typeof JobQuotaSchema> {
  const { queriesPerSecond, burst, inFlightMax, queuedBytesMax } = quota;
  return {
    ...(queriesPerSecond === null ? {} : { queriesPerSecond }),
    ...(burst === null ? {} : { burst }),
    ...(inFlightMax === null ? {} : { inFlightMax }),
    ...(queuedBytesMax === null ? {} : { queuedBytesMax }),
  };
}
