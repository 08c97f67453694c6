/** One way to serve a class: a variant on hosts of one type, in batches that leave every query its objective. */
export interface PlanColumn {
  readonly variant: string;
  readonly hostType: string;
  /** Host-seconds that a row takes, with the headroom that the class needs there. */
  readonly hostSecondsPerRow: number;
  /** Largest share of one host that one instance can take, above 0 and at most 1. */
  readonly shareMax: number;
  readonly memoryBytes: number;
  /** Time in which one load keeps a host from earning its price, ms. */
  readonly loadMs: number;
  /** Expected violations and downgrades, in US dollars per row beside the host's price. */
  readonly penaltyUsdPerRow: number;
}

/** Demand that is served by any mixture of its columns. */
export interface PlanClass {
  /** Unique among the classes of a problem. */
  readonly key: string;
  readonly rowsPerSecond: number;
  /** How much a row counts when not all can be served; 1: as much as another. */
  readonly weight: number;
  readonly columns: readonly PlanColumn[];
}

/** A host that is there, on its way, or could be started. */
export interface PlanHost {
  /** Unique among the hosts of a problem. */
  readonly name: string;
  readonly hostType: string;
  /** Memory beside what is kept. */
  readonly memoryBytes: number;
  /** Price; counts against the bound of the plan. */
  readonly usdPerHour: number;
  /** What using it adds to the bill, per hour of the dwell: nothing where it is paid for anyway, more than its price where it
   * has to be started first. */
  readonly addedUsdPerHour: number;
  /** Variants that need no load there. */
  readonly placed: ReadonlySet<string>;
  /** Those of them that stay whatever is planned, and take no more memory when they are used. */
  readonly kept: ReadonlySet<string>;
}

/** What is to be placed where, as a value. */
export interface PlanningProblem {
  readonly classes: readonly PlanClass[];
  /** In the order in which they are filled. */
  readonly hosts: readonly PlanHost[];
  /** How long the plan is expected to stand, seconds: what a change costs is spread over it. */
  readonly dwellSeconds: number;
  /** Most US dollars per hour of all hosts together; null: no bound. */
  readonly maxUsdPerHour: number | null;
}

/** A part of a class on one host. */
export interface PlannedShare {
  readonly host: string;
  readonly column: PlanColumn;
  readonly rowsPerSecond: number;
}

/** What becomes of one class. */
export interface PlannedClass {
  readonly of: PlanClass;
  readonly shares: readonly PlannedShare[];
  /** Rows per second that no host has room for within the bounds. */
  readonly unservedPerSecond: number;
}

/** What one host does. */
export interface PlannedHost {
  readonly name: string;
  /** Variants that it is to hold, by name. */
  readonly variants: readonly string[];
  /** Share of its time that is planned, headroom included, 0..1. */
  readonly busy: number;
}

/** What a plan costs, US dollars per hour. */
export interface PlanPrice {
  readonly hosts: number;
  /** Loads, spread over the dwell. */
  readonly loads: number;
  /** Expected violations and downgrades. */
  readonly penalties: number;
  /** Host time that unserved demand lacks, valued beyond every host: what fits is served first. */
  readonly unserved: number;
  readonly total: number;
}

/** Who is served where. */
export interface PlacementPlan {
  readonly classes: readonly PlannedClass[];
  /** Hosts that serve somebody, in the order of the problem. */
  readonly hosts: readonly PlannedHost[];
  readonly price: PlanPrice;
}
