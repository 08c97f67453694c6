import type { Writer } from "@infaas/api";
import type { Caller } from "@infaas/runtime";

/** On whose behalf a member writes for a caller; undefined: no token names it, so that what it makes is everybody's. */
export function writerOf({ isNamed, tenant, roles }: Caller): Writer | undefined {
  return isNamed ? { tenant, shares: roles.has("share") } : undefined;
}

/** The field `actor` of a request to metadata on a caller's behalf. */
export function actingFor(caller: Caller): { readonly actor?: Writer } {
  const actor = writerOf(caller);
  return actor === undefined ? {} : { actor };
}

/** Whose files a caller sees, as ArtifactService is asked; empty: everybody's. */
export function readerOf(caller: Caller): string {
  const writer = writerOf(caller);
  return writer === undefined || writer.shares ? "" : writer.tenant;
}
