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

/** Provider of hosts: which there are, and how many there could be. */
export interface HostProvider {
  /** Returns one pool per host type, in the order of their names. */
  pools(): readonly HostPool[];
}
