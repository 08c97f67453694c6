import { type Clock, Code, ServiceError, type Timer } from "@infaas/runtime";
import type { Endpoint } from "../view/live-instance";
import type { ExecutorLink } from "./executor-link";
import type { LinkFactory, Links } from "./links";

/** Requests above this size take a large link, so that small ones never wait behind them. */
export const LARGE_REQUEST_BYTES = 64 * 1024;
/** How long queries on links to a member that is gone are waited for. */
const LEAVING_MAX_MS = 1_000;
/** How often it is looked whether they are answered. */
const LEAVING_LOOK_MS = 50;

/** Callbacks of the pool: an endpoint became reachable or not, or asked to be taken out of rotation. */
export interface PoolEvents {
  reachable(endpoint: Endpoint, reachable: boolean): void;
  draining(endpoint: Endpoint): void;
}

/** What the pool needs. */
export interface PoolOptions {
  readonly clock: Clock;
  readonly openLink: LinkFactory;
  readonly largeLinks: number;
  readonly inFlightMax: number;
  readonly events: PoolEvents;
}

interface Connection {
  readonly member: Endpoint;
  readonly small: ExecutorLink;
  readonly large: readonly ExecutorLink[];
  nextLarge: number;
}

/** The links to every endpoint: one for small requests and a few for large ones each. */
export class ExecutorPool implements Links {
  private readonly connections = new Map<string, Connection>();
  /** Links of members that are gone, with queries on them that may still be answered. */
  private readonly leaving = new Map<Connection, Timer>();

  constructor(private readonly o: PoolOptions) {}

  /**
   * Opens and closes links so that exactly `members` are connected. A new life of a name gets new links. A lease may run out
   * although its process lives: links of a member that is gone take no more queries, and are closed once those on them are
   * answered, or after `LEAVING_MAX_MS`.
   */
  reconcile(members: Iterable<Endpoint>): void {
    const wanted = new Map<string, Endpoint>();
    for (const member of members) wanted.set(member.name, member);
    for (const [name, connection] of this.connections) {
      const member = wanted.get(name);
      if (member === undefined || !isSame(member, connection.member)) {
        this.disconnect(connection);
      }
    }
    for (const member of wanted.values()) {
      if (!this.connections.has(member.name)) this.connect(member);
    }
  }

  linkFor(endpoint: string, requestBytes: number, tenant: string): ExecutorLink | null {
    const connection = this.connections.get(endpoint);
    if (connection === undefined) return null;
    const { small, large } = connection;
    if (requestBytes > LARGE_REQUEST_BYTES) {
      for (let i = 0; i < large.length; i++) {
        const link = large[(connection.nextLarge + i) % large.length]!;
        if (!link.up || !link.hasRoom(tenant)) continue;
        connection.nextLarge = (connection.nextLarge + i + 1) % large.length;
        return link;
      }
    }
    return small.up && small.hasRoom(tenant) ? small : null;
  }

  reaches(endpoint: string): boolean {
    return this.connections.get(endpoint)?.small.up === true;
  }

  room(endpoint: string, tenant: string): string {
    const connection = this.connections.get(endpoint);
    const used = connection === undefined ? 0 : inFlightOn(connection);
    const own = connection === undefined ? 0 : ownOn(connection, tenant);
    return `${used} queries are in flight, ${own} of them this caller's; at most ${this.o.inFlightMax} may be on a link, and nobody has more than stays free for others`;
  }

  /** Queries in flight over all links. */
  get inFlight(): number {
    let sum = 0;
    for (const connection of this.connections.values()) sum += inFlightOn(connection);
    return sum;
  }

  close(): void {
    for (const connection of this.connections.values()) this.disconnect(connection);
    for (const connection of this.leaving.keys()) this.end(connection, "is left: frontend stops");
  }

  private connect(member: Endpoint): void {
    const { openLink, inFlightMax, largeLinks } = this.o;
    const link = (isSmall: boolean): ExecutorLink => {
      const events = {
        changed: (up: boolean) => {
          if (isSmall) this.setReachable(member, up);
        },
        draining: () => this.o.events.draining(member),
      };
      return openLink(member, { inFlightMax, events });
    };
    const large = Array.from({ length: largeLinks }, () => link(false));
    this.connections.set(member.name, { member, small: link(true), large, nextLarge: 0 });
  }

  private disconnect(connection: Connection): void {
    const { clock, events } = this.o;
    this.connections.delete(connection.member.name);
    events.reachable(connection.member, false);
    const untilMs = clock.nowMs() + LEAVING_MAX_MS;
    const look = () => {
      if (inFlightOn(connection) === 0 || clock.nowMs() >= untilMs)
        this.end(connection, "is gone from the cluster");
      else this.leaving.set(connection, clock.setTimer(LEAVING_LOOK_MS, look));
    };
    look();
  }

  private end(connection: Connection, why: string): void {
    this.leaving.get(connection)?.cancel();
    this.leaving.delete(connection);
    const fault = new ServiceError(Code.UNAVAILABLE, `executor ${connection.member.name} ${why}`);
    for (const link of [connection.small, ...connection.large]) link.close(fault);
  }

  private setReachable(member: Endpoint, reachable: boolean): void {
    const connection = this.connections.get(member.name);
    if (connection === undefined || connection.member !== member) return;
    this.o.events.reachable(member, reachable);
  }
}

function ownOn({ small, large }: Connection, tenant: string): number {
  return [small, ...large].reduce((sum, { shares }) => sum + shares.of(tenant), 0);
}

function inFlightOn({ small, large }: Connection): number {
  return large.reduce((sum, link) => sum + link.inFlight, small.inFlight);
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.linkAddress === b.linkAddress && a.incarnation === b.incarnation;
}
