import { HostState } from "@infaas/api";

/** What the provider has of a host: its process. */
export type HostProcess =
  /** There is none. */
  | { readonly kind: "none" }
  /** It runs, or starts again after a pause; its executor has not joined. */
  | { readonly kind: "starting" }
  /** Its executor has joined. */
  | { readonly kind: "joined" }
  /** It could not be started, and is not tried again. */
  | { readonly kind: "failed" }
  /** It was asked to end. */
  | { readonly kind: "ending" };

/** The next step towards what the record of a host asks for. */
export type HostStep =
  | { readonly kind: "none" }
  | { readonly kind: "start" }
  | { readonly kind: "end" }
  /** Forget that it failed. */
  | { readonly kind: "forget" }
  /** Change the record; UNSPECIFIED: delete it. */
  | { readonly kind: "record"; readonly to: HostState; readonly from: readonly HostState[] };

const { UNSPECIFIED, REQUESTED, STARTING, UP, DRAINING, GONE } = HostState;
const NOTHING: HostStep = { kind: "none" };

/**
 * Returns the next step for one host, from its record (null: none) and its process. A record that says of a process what
 * is not so was left by an earlier life of the provider.
 */
export function nextHostStep(
  record: { readonly state: HostState; readonly fault: string } | null,
  process: HostProcess["kind"],
): HostStep {
  const to = (state: HostState, ...from: HostState[]): HostStep => ({ kind: "record", to: state, from });
  if (process === "ending") return NOTHING;
  const state = record?.state ?? UNSPECIFIED;
  if (process === "none") {
    if (state === REQUESTED) return { kind: "start" };
    if (state === UNSPECIFIED || (state === GONE && record?.fault !== "")) return NOTHING;
    return to(UNSPECIFIED, state);
  }
  if (process === "failed") {
    if (state === REQUESTED || state === STARTING || state === UP) return to(GONE, state);
    return { kind: "forget" };
  }
  if (state === GONE || state === UNSPECIFIED) return { kind: "end" };
  if (process === "starting") {
    if (state === REQUESTED || state === UP) return to(STARTING, state);
    return state === DRAINING ? { kind: "end" } : NOTHING;
  }
  if (state === REQUESTED) return to(STARTING, REQUESTED);
  return state === STARTING ? to(UP, STARTING) : NOTHING;
}
