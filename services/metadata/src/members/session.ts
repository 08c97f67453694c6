import { Code, ServiceError } from "@infaas/runtime";
import { sessionKey } from "../records/keys";
import type { Compare, MetadataStore, StoreWrite } from "../store/store";

/** Whose a lease is. While it exists the lease may write; a later life of the same member ends it. */
export interface Session {
  readonly leaseId: string;
  readonly member: string;
  /** Part of every transaction made under the lease: it fails once the session is gone. */
  readonly compare: Compare;
}

/** The write that begins a session. */
export function beginSession(leaseId: string, member: string): StoreWrite {
  return { kind: "put", key: sessionKey(leaseId), value: Buffer.from(member), leaseId };
}

/**
 * The session of a lease; NOT_FOUND when it ran out, was left, or belongs to an earlier life of its member.
 */
export async function requireSession(store: MetadataStore, leaseId: string): Promise<Session> {
  const entry = leaseId === "" ? null : await store.get(sessionKey(leaseId));
  if (entry === null) throw lostLease(leaseId);
  const member = Buffer.from(entry.value).toString();
  return { leaseId, member, compare: { key: entry.key, revision: entry.revision } };
}

/** What a member is told whose lease is no longer good. */
export function lostLease(leaseId: string): ServiceError {
  return new ServiceError(
    Code.NOT_FOUND,
    `lease "${leaseId}" is not running (ran out, left or replaced); join again`,
  );
}
