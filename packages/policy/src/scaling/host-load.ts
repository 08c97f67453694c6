import { burstBeyond } from "./arrival-envelope";
import type { ClassDemand, Column } from "./capacity";
import { plannedBursts } from "./planned-rate";
import type { PlannedDemand } from "./planning-problem";

/** What one class takes of hosts of one type. */
interface ClassLoad extends PlannedDemand {
  readonly first: Column;
  /** Hosts that are busy with it all the time, by the lower and the upper bound of its rate. */
  readonly lowerHosts: number;
  readonly upperHosts: number;
}

/** Returns the load of all classes in words with its figures: in all, and the class that takes most. */
export function describeLoad(demands: readonly PlannedDemand[]): string {
  const loads = demands.flatMap(loadOf);
  const unplanned = demands.filter(({ columns }) => columns.length === 0);
  const beside =
    unplanned.length === 0
      ? ""
      : `; ${unplanned.length} classes have no adequate variant that was measured on such hosts, '${unplanned[0]?.demand.target.name}' among them`;
  const [largest] = [...loads].sort((a, b) => b.upperHosts - a.upperHosts);
  if (largest === undefined) return `no demand keeps hosts busy${beside}`;
  const { demand, first } = largest;
  const { rate, target } = demand;
  const sum = (pick: (load: ClassLoad) => number) =>
    figure(loads.reduce((total, one) => total + pick(one), 0));
  const asked = [
    demand.minAccuracy === null ? "" : ` at ${demand.minAccuracy} or better`,
    demand.latencyMs === null ? "" : ` within ${demand.latencyMs} ms`,
  ].join("");
  const queries = `${figure(rate.lower)} to ${figure(rate.upper)} queries/s of ${figure(demand.rowsPerQuery)} rows`;
  const by = `${first.entry.variant.name} answers ${figure(first.rowsPerSecond / first.share)} rows/s on one host`;
  const busy = `${sum((l) => l.lowerHosts)} to ${sum((l) => l.upperHosts)} hosts`;
  return `demand keeps ${busy} busy: '${target.name}'${asked} has ${queries}${burstOf(demand)}, ${by}${beside}`;
}

/** The shortest window that is planned for in which more came than the upper bound of the rate would have answered. */
function burstOf(demand: ClassDemand): string {
  const burst = burstBeyond(plannedBursts(demand), demand.rate.upper, demand.latencyMs);
  return burst === null ? "" : ` in bursts (${burst.because})`;
}

function loadOf(one: PlannedDemand): ClassLoad[] {
  const [first] = one.columns;
  if (first === undefined) return [];
  const hostSeconds = (one.demand.rowsPerQuery * first.share) / first.rowsPerSecond;
  const { lower, upper } = one.demand.rate;
  return [{ ...one, first, lowerHosts: lower * hostSeconds, upperHosts: upper * hostSeconds }];
}

/** Returns a number with three digits, for sentences. */
export function figure(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "any number of";
}
