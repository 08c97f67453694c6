import { create } from "@bufbuild/protobuf";
import { type Leadership, LeadershipSchema } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { leadershipKey, termKey } from "../records/keys";
import { decodeAs, encodeRecord } from "../records/records";
import type { WatchHub } from "../records/watch-hub";
import type { MetadataStore } from "../store/store";
import { requireSession } from "./session";

/** Candidates race for the same key; the losers read the winner, so few attempts are ever needed. */
const ATTEMPTS_MAX = 8;

/**
 * Makes the member of a lease the leader if there is none, and returns who leads. Leadership ends with the
 * lease. Each new leader has a higher term, a fencing token: whoever holds a lower one leads no more.
 * NOT_FOUND for a lost lease.
 */
export async function campaign(
  { store, hub }: { readonly store: MetadataStore; readonly hub: WatchHub },
  candidate: { readonly leaseId: string; readonly member: string },
): Promise<Leadership> {
  const session = await requireSession(store, candidate.leaseId);
  if (session.member !== candidate.member) {
    const both = `lease "${candidate.leaseId}" is of member "${session.member}", not "${candidate.member}"`;
    throw new ServiceError(Code.PERMISSION_DENIED, both);
  }
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const leader = await store.get(leadershipKey);
    if (leader !== null) return decodeAs("leadership", leader.key, leader.value);
    const last = await store.get(termKey);
    const term = BigInt(Buffer.from(last?.value ?? Buffer.from("0")).toString()) + 1n;
    const leadership = create(LeadershipSchema, { member: candidate.member, term });
    const { leaseId } = candidate;
    const outcome = await store.transaction({
      compares: [
        session.compare,
        { key: leadershipKey, revision: 0n },
        { key: termKey, revision: last?.revision ?? 0n },
      ],
      writes: [
        { kind: "put", key: leadershipKey, value: encodeRecord("leadership", leadership), leaseId },
        { kind: "put", key: termKey, value: Buffer.from(String(term)), leaseId: null },
      ],
    });
    if (outcome.kind === "committed") {
      await hub.reached(outcome.revision);
      return leadership;
    }
    await requireSession(store, leaseId);
  }
  throw new ServiceError(
    Code.ABORTED,
    `leadership changed during each of ${ATTEMPTS_MAX} attempts; try again`,
  );
}
