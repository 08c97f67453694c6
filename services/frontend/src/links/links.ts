import type { Endpoint } from "../view/live-instance";
import type { ExecutorLink, LinkEvents } from "./executor-link";

/** Links to executors, as whoever sends queries knows them. */
export interface Links {
  /**
   * The link that a tenant's next request of this size takes; null when the endpoint is out of reach or all
   * are full.
   */
  linkFor(endpoint: string, requestBytes: number, tenant: string): ExecutorLink | null;
  /** Whether there is a connection to this endpoint now. */
  reaches(endpoint: string): boolean;
  /** How full the links to an endpoint are, for a refusal. */
  room(endpoint: string, tenant: string): string;
}

/** What one link is opened with. */
export interface LinkOptions {
  /** Queries in flight on it, at most. */
  readonly inFlightMax: number;
  /** Told what becomes of it, never before it is returned. */
  readonly events: LinkEvents;
}

/** Opens a link to an executor or to one of its engine processes; it connects by itself, again and again, until it is closed. */
export type LinkFactory = (member: Endpoint, o: LinkOptions) => ExecutorLink;
