import { adequateFor, hostSecondsPerRow } from "./host-time";
import { type Scenario, WORLD } from "./scenario";

/** What no policy can do better than, US dollars for a share of the queries answered in time. */
export interface Bounds {
  /** Host time of the queries alone, in the best batches of the variants that take least. */
  readonly fluidUsd: number;
  /** That of somebody who knows every arrival, and pays whole hosts, their starts and their loads. */
  readonly oracleUsd: number;
}

/** The objective leaves so much of a slot's work for later: slots of ten objectives have a tenth more room than time. */
const OBJECTIVES_PER_SLOT = 10;
/** A query that noise makes quicker fits where its median would not. */
const NOISE_ROOM = 0.9;
const MS_PER_SECOND = 1_000;
const SECONDS_PER_HOUR = 3_600;
/** Prices of a violation that are tried, host-seconds: each gives a bound, and the largest is taken. */
const PRICES = Array.from({ length: 64 }, (_, n) => 10 ** (-4 + n / 8));

/** Work of one slot: for each class its queries, and the host-seconds of one. */
type Slot = readonly { readonly queries: number; readonly each: number }[];

/**
 * Returns the bounds for the arrivals of each second by class, those queries served that take least. The oracle may answer each query
 * by the cheapest adequate variant, waits for nothing but starts and loads, and knows when to begin them; one host is
 * always there. The bound is its Lagrangian dual: for any price of a violation the hosts are decided one by one, each over the
 * whole trace.
 */
export function boundsOf(
  scenario: Scenario,
  arrivals: readonly (readonly number[])[],
  attainment: number,
): Bounds {
  const { classes, variants, host, bootMs } = scenario;
  const each = classes.map((one) =>
    Math.min(
      ...adequateFor(variants, one).map((variant) =>
        hostSecondsPerRow(variant, host, { latencyMs: one.latencyMs, times: NOISE_ROOM }),
      ),
    ),
  );
  const loads = variants.map(({ profile }) => profile?.loadMs ?? 0);
  const startSeconds = (bootMs + Math.min(...loads)) / MS_PER_SECOND;
  const longest = Math.max(...classes.map(({ latencyMs }) => latencyMs)) / MS_PER_SECOND;
  const slotSeconds = Math.max(1, Math.ceil(OBJECTIVES_PER_SLOT * longest));
  const slots = slotsOf(arrivals, each, slotSeconds);
  const wanted = attainment * slots.flat().reduce((sum, { queries }) => sum + queries, 0);
  const fluid = leastTime(slots.flat(), wanted);
  const oracle = oracleSeconds(slots, { slotSeconds, startSeconds, longest, wanted });
  const usd = (seconds: number) => (seconds * host.pricePerHourUsd) / SECONDS_PER_HOUR;
  return { fluidUsd: usd(fluid), oracleUsd: usd(Math.max(fluid, oracle)) };
}

function slotsOf(
  arrivals: readonly (readonly number[])[],
  each: readonly number[],
  slotSeconds: number,
): readonly Slot[] {
  const count = Math.floor((arrivals[0]?.length ?? 0) / slotSeconds);
  return Array.from({ length: count }, (_, slot) =>
    arrivals.map((counts, index) => {
      const own = counts.slice(slot * slotSeconds, (slot + 1) * slotSeconds);
      return { queries: own.reduce((sum, n) => sum + n, 0), each: each[index] ?? 0 };
    }),
  );
}

/** Host time of so many queries, the quickest ones. */
function leastTime(work: Slot, queries: number): number {
  let [left, time] = [queries, 0];
  for (const one of [...work].sort((a, b) => a.each - b.each)) {
    const taken = Math.min(left, one.queries);
    time += taken * one.each;
    left -= taken;
  }
  return time;
}

interface OracleTerms {
  readonly slotSeconds: number;
  /** Of a host before it serves. */
  readonly startSeconds: number;
  /** Longest that work may be put off. */
  readonly longest: number;
  /** Queries to be answered in time. */
  readonly wanted: number;
}

function oracleSeconds(slots: readonly Slot[], terms: OracleTerms): number {
  const { slotSeconds, longest, wanted } = terms;
  const room = slotSeconds + longest;
  const levels = levelsOf(slots, room);
  const first = levels[0]?.reduce((sum, { queries }) => sum + queries, 0) ?? 0;
  const always = Math.max(slots.length * slotSeconds * WORLD.minHosts, 0);
  let best = always;
  for (const price of PRICES) {
    const rest = levels.slice(1).reduce((sum, level) => sum + hostSeconds(level, terms, price), 0);
    best = Math.max(best, always + rest + price * (wanted - first));
  }
  return best;
}

/** What the nth host is good for in one slot, where those before it are filled: queries, and their host time. */
interface Share {
  readonly queries: number;
  readonly seconds: number;
}

function levelsOf(slots: readonly Slot[], room: number): readonly (readonly Share[])[] {
  const times = slots.map((slot) => slot.reduce((sum, { queries, each }) => sum + queries * each, 0));
  const count = Math.ceil(Math.max(0, ...times) / room);
  return Array.from({ length: count }, (_, level) =>
    slots.map((slot, index) => {
      const [from, to] = [level * room, Math.min((level + 1) * room, times[index] ?? 0)];
      if (to <= from) return { queries: 0, seconds: 0 };
      return { queries: queriesWithin(slot, to) - queriesWithin(slot, from), seconds: to - from };
    }),
  );
}

/** Queries that so much host time answers, the quickest first. */
function queriesWithin(slot: Slot, seconds: number): number {
  let [left, queries] = [seconds, 0];
  for (const one of [...slot].sort((a, b) => a.each - b.each)) {
    const taken = Math.min(one.queries, one.each > 0 ? left / one.each : one.queries);
    queries += taken;
    left -= taken * one.each;
  }
  return queries;
}

/**
 * Least host-seconds less the worth of what is answered, of one host that may come and go: off, or in the first, an inner or the last
 * slot of a stay. Of the first and the last slot only the time in use is paid, of others all; what is there from the beginning
 * needs no start.
 */
function hostSeconds(
  level: readonly Share[],
  { slotSeconds, startSeconds }: OracleTerms,
  price: number,
): number {
  let [off, first, inner, last] = [0, 0, 0, 0];
  let isBegun = false;
  for (const { queries, seconds } of level) {
    const worth = price * queries;
    const edge = Math.min(slotSeconds, seconds) - worth;
    const whole = slotSeconds - worth;
    const stay = isBegun ? Math.min(first, inner) : 0;
    const gone = Math.min(off, first, inner, last);
    const start = (isBegun ? Math.min(off, last) : 0) + (isBegun ? startSeconds : 0);
    const next = [gone, start + edge, stay + whole, stay + edge] as const;
    [off, first, inner, last] = next;
    isBegun = true;
  }
  return Math.min(off, first, inner, last);
}
