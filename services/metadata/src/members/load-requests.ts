import { create } from "@bufbuild/protobuf";
import { LOAD_REQUESTS_MAX, type LoadRequest, LoadRequestsSchema } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { loadRequestsKey } from "../records/keys";
import { checkName } from "../records/names";
import { encodeRecord } from "../records/records";
import type { WatchHub } from "../records/watch-hub";
import type { MetadataStore } from "../store/store";
import { lostLease, requireSession } from "./session";

/** Executors that one of them may except. */
const EXCEPT_MAX = 1_024;

const reasons = ["query", "registration"];

/**
 * Records every load that a frontend needs, in place of those that it needed before; the record goes with its lease. None:
 * there is no record. NOT_FOUND for a lost lease, INVALID_ARGUMENT for requests that cannot be.
 */
export async function requestLoads(
  { store, hub }: { readonly store: MetadataStore; readonly hub: WatchHub },
  leaseId: string,
  requests: readonly LoadRequest[],
): Promise<void> {
  const { length } = requests;
  if (length > LOAD_REQUESTS_MAX)
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `${length} load requests exceed the ${LOAD_REQUESTS_MAX} one frontend may have`,
    );
  for (const request of requests) checkRequest(request);
  const { member, compare } = await requireSession(store, leaseId);
  const key = loadRequestsKey(member);
  const value = encodeRecord(
    "loadRequests",
    create(LoadRequestsSchema, { frontend: member, requests: [...requests] }),
  );
  const outcome = await store.transaction({
    compares: [compare],
    writes: [length === 0 ? { kind: "delete", key } : { kind: "put", key, value, leaseId }],
  });
  if (outcome.kind !== "committed") throw lostLease(leaseId);
  await hub.reached(outcome.revision);
}

function checkRequest({ variant, executor, reason, except }: LoadRequest): void {
  checkName("variant", variant);
  checkName("executor", executor);
  if (!reasons.includes(reason))
    throw new ServiceError(Code.INVALID_ARGUMENT, `reason "${reason}" is none of ${reasons.join(", ")}`);
  if (except.length > EXCEPT_MAX)
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `${except.length} executors that do not do exceed ${EXCEPT_MAX}`,
    );
}
