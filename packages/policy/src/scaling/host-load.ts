import type { Catalog } from "../catalog";
import { type ClassDemand, type Column, columnOf, type TypedHost } from "./capacity";

/** What one class takes of hosts of one type. */
export interface ClassLoad {
  readonly demand: ClassDemand;
  /** Null: no variant is adequate on such hosts. */
  readonly column: Column | null;
  /** Hosts that are busy with it all the time, by the lower and the upper bound of its rate. */
  readonly lowerHosts: number;
  readonly upperHosts: number;
}

/** What all classes together take. Host time adds up: a host that is busy half of the time with each of two is full. */
export interface HostLoad {
  readonly classes: readonly ClassLoad[];
  readonly lowerHosts: number;
  readonly upperHosts: number;
}

/** Returns the load that this demand puts on hosts of one type. */
export function hostLoad(catalog: Catalog, host: TypedHost, demand: readonly ClassDemand[]): HostLoad {
  const classes = demand.map((one): ClassLoad => {
    const column = one.arrivals > 0 ? columnOf(catalog, host, one) : null;
    const secondsPerQuery = column === null ? 0 : one.rowsPerQuery / column.rowsPerSecond;
    const { lower, upper } = one.rate;
    return {
      demand: one,
      column,
      lowerHosts: column === null ? 0 : lower * secondsPerQuery,
      upperHosts: column === null ? 0 : upper * secondsPerQuery,
    };
  });
  const sum = (pick: (load: ClassLoad) => number) => classes.reduce((total, one) => total + pick(one), 0);
  return { classes, lowerHosts: sum((c) => c.lowerHosts), upperHosts: sum((c) => c.upperHosts) };
}

/** Returns a load in words with its figures: in all, and the class that takes most. */
export function describeLoad({ classes, lowerHosts, upperHosts }: HostLoad): string {
  const [largest] = [...classes].sort((a, b) => b.upperHosts - a.upperHosts);
  const unplanned = classes.filter(({ demand, column }) => demand.arrivals > 0 && column === null);
  const beside =
    unplanned.length === 0
      ? ""
      : `; ${unplanned.length} classes have no adequate variant that was measured on such hosts, '${unplanned[0]?.demand.target.name}' among them`;
  if (largest?.column == null) return `no demand keeps hosts busy${beside}`;
  const { demand, column } = largest;
  const { rate, target } = demand;
  const asked = [
    demand.minAccuracy === null ? "" : ` at ${demand.minAccuracy} or better`,
    demand.latencyMs === null ? "" : ` within ${demand.latencyMs} ms`,
  ].join("");
  const queries = `${figure(rate.lower)} to ${figure(rate.upper)} queries/s of ${figure(demand.rowsPerQuery)} rows`;
  const by = `${column.entry.variant.name} answers ${figure(column.rowsPerSecond)} rows/s on one host`;
  return `demand keeps ${figure(lowerHosts)} to ${figure(upperHosts)} hosts busy: '${target.name}'${asked} has ${queries}, ${by}${beside}`;
}

function figure(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "any number of";
}
