/** Hosts of one type: how many there are, and between which numbers that may change. */
export interface HostPool {
  readonly hostType: string;
  /** US dollars per hour of one host. */
  readonly pricePerHourUsd: number;
  /** Names of the executors on the hosts that are there, one each. */
  readonly hosts: readonly string[];
  readonly minHosts: number;
  readonly maxHosts: number;
  /** What stands in the way of more or fewer hosts, as a sentence for the operator; null when nothing does. */
  readonly fixedBecause: string | null;
}

/** Where hosts come from. The leader asks it what there is and what there could be. */
export interface HostProvider {
  /** Returns one pool per host type, in the order of their names. */
  pools(): readonly HostPool[];
}
