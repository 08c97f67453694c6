/** Hosts of one type: how many there are, and between which numbers that may change. */
export interface HostPool {
  readonly hostType: string;
  /** US dollars per hour of one host. */
  readonly pricePerHourUsd: number;
  /** Names of the executors on the hosts that are there, one each. */
  readonly hosts: readonly string[];
  readonly minHosts: number;
  readonly maxHosts: number;
  /** Why the number of hosts cannot change, as a sentence for the operator; null when it can. */
  readonly fixedBecause: string | null;
}

/**
 * Provider of hosts: which there are, and how many there could be. Hosts are named, so that a call that is made twice, by
 * this frontend or by the one that leads next, is the same call.
 */
export interface HostProvider {
  /** Returns one pool per host type, in the order of their names. */
  pools(): readonly HostPool[];
  /** Has this host there; `because` is kept with it. FAILED_PRECONDITION where hosts do not come and go. */
  ensure(host: string, because: string): Promise<void>;
  /** Has it take no new work, so that it can be removed. */
  drain(host: string, because: string): Promise<void>;
  /** Has it there no longer, whatever it does. */
  remove(host: string, because: string): Promise<void>;
}
