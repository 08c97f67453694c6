import { predictBatchMs } from "./latency-profile";
import type { InstanceState, Profile } from "./types";

/** When latency counts as above the profile; the paper gives no factor (docs/design/policy.md, section 2). */
export interface StateOptions {
  /** Measured p95 above this many times the profile's is interference. Default 1.5. */
  readonly interferedAbove: number;
  /** And is over below this many times. Default 1.25: the gap keeps the state from flapping. */
  readonly clearedBelow: number;
  /** Windows in a row before either change. Default 2. */
  readonly windows: number;
  /**
   * Batches a window needs before its p95 may speak of interference. Default 20: with fewer, the slowest one
   * decides, and one slow run in a handful is no contention. Fewer quick ones are still enough to clear it.
   */
  readonly batchesMin: number;
  /**
   * Windows in a row without a batch after which interference is forgotten. Default 5: nothing is sent to an
   * interfered instance while there are others, so nothing else would ever clear it.
   */
  readonly forgottenAfter: number;
}

/** Defaults of `StateOptions`. */
export const STATE_DEFAULTS: StateOptions = {
  interferedAbove: 1.5,
  clearedBelow: 1.25,
  windows: 2,
  batchesMin: 20,
  forgottenAfter: 5,
};

/** What was measured of a variant on one executor in one window. */
export interface StateWindow {
  /** Items per second that came to all its instances there, answered or refused: a batcher that sheds serves less than it could. */
  readonly offeredPerSecond: number;
  /** How much longer the queue takes than the tightest latency objective asked for; 0 or less: it does not. */
  readonly overdueMs: number;
  readonly instances: number;
  /** p95 of the engine time of a batch; null when nothing ran. */
  readonly p95Ms: number | null;
  /** Mean batch size, to find the profile's figure. */
  readonly batch: number;
  /** Batches run. */
  readonly batches: number;
}

/** A state with what its hysteresis remembers. */
export interface StateTrack {
  readonly state: InstanceState;
  readonly interfered: boolean;
  /** Windows in a row that spoke for changing `interfered`. */
  readonly against: number;
  /** Windows in a row in which nothing ran. */
  readonly idle: number;
}

/** Track of an instance just loaded. */
export const FRESH_STATE: StateTrack = { state: "active", interfered: false, against: 0, idle: 0 };

/**
 * Returns the track after one more window. Overloaded: the offered rate reached the saturation throughput of
 * the instances, or their queue takes longer than an objective; it goes before interfered, because a queue behind a full
 * engine is no contention. A window
 * in which nothing ran changes nothing about interference, but several in a row end it.
 */
export function nextState(
  track: StateTrack,
  window: StateWindow,
  profile: Profile,
  options: StateOptions = STATE_DEFAULTS,
): StateTrack {
  const { interfered, against, idle } = nextInterference(track, window, profile, options);
  const saturatedAt = profile.saturationPerSecond * window.instances;
  const overloaded = window.instances > 0 && (window.offeredPerSecond >= saturatedAt || window.overdueMs > 0);
  return {
    state: overloaded ? "overloaded" : interfered ? "interfered" : "active",
    interfered,
    against,
    idle,
  };
}

function nextInterference(
  track: StateTrack,
  window: StateWindow,
  profile: Profile,
  options: StateOptions,
): Omit<StateTrack, "state"> {
  if (window.p95Ms === null) {
    const idle = track.idle + 1;
    return idle >= options.forgottenAfter ? { interfered: false, against: 0, idle } : { ...track, idle };
  }
  const factor = window.p95Ms / predictBatchMs(profile, Math.max(1, window.batch), "p95");
  const slow = factor > options.interferedAbove && window.batches >= options.batchesMin;
  const speaksAgainst = track.interfered ? factor < options.clearedBelow : slow;
  const against = speaksAgainst ? track.against + 1 : 0;
  return against >= options.windows
    ? { interfered: !track.interfered, against: 0, idle: 0 }
    : { interfered: track.interfered, against, idle: 0 };
}
