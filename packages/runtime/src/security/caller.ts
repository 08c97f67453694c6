import { hostOfPeer } from "../process/address";

/**
 * Roles of a caller: query, register models, operate the system; `share` extends these to what other tenants made;
 * `member` is for the system's own processes.
 */
export const roles = ["query", "register", "operate", "share", "member"] as const;
export type Role = (typeof roles)[number];

/** What a method asks of its caller; `anyone` needs no token (health probes). */
export type Requirement = Role | "anyone";

/** Bounds of one tenant; null = none but those that hold for everybody. */
export interface CallerQuota {
  readonly queriesPerSecond: number | null;
  /** Queries that may come at once before the rate counts; default: one second's worth. */
  readonly burst: number | null;
  readonly inFlightMax: number | null;
  readonly queuedBytesMax: number | null;
}

/** The identity behind a call. */
export interface Caller {
  /** Whom queries are counted for: the tenant of the token, else the address of the peer. */
  readonly tenant: string;
  /** Whether a token says so; what is made belongs to such a tenant, and else to everybody. */
  readonly isNamed: boolean;
  readonly roles: ReadonlySet<Role>;
  readonly quota: CallerQuota;
}

export const noQuota: CallerQuota = {
  queriesPerSecond: null,
  burst: null,
  inFlightMax: null,
  queuedBytesMax: null,
};

const everything: ReadonlySet<Role> = new Set(roles);

/**
 * Returns the caller at `peer` (`host:port`) where no token is needed: its address is the tenant, it has
 * every role.
 */
export function unnamedCaller(peer: string): Caller {
  return { tenant: hostOfPeer(peer), isNamed: false, roles: everything, quota: noQuota };
}

/** A process of the system. */
export const memberCaller: Caller = {
  tenant: "members",
  isNamed: false,
  roles: everything,
  quota: noQuota,
};
