/** Which variants have a process of their own because of what they did, and which are not run for a while. Pure. */

/** Ends of a process with which a variant is a suspect before it is not run any more for a while. */
export const SUSPICIONS_MAX = 3;
/** How long an end counts, and how long a variant with too many of them rests, milliseconds. */
export const SUSPICION_MS = 600_000;

/** What is known of a variant. */
interface Record {
  readonly endsAtMs: readonly number[];
  readonly reason: string;
}

export class Suspicions {
  private readonly records = new Map<string, Record>();

  /** A process ended while a batch of `variant` was under way in it. */
  add(variant: string, reason: string, nowMs: number): void {
    const { endsAtMs = [] } = this.records.get(variant) ?? {};
    const recent = endsAtMs.filter((atMs) => nowMs - atMs < SUSPICION_MS);
    this.records.set(variant, { endsAtMs: [...recent, nowMs], reason });
  }

  /** Whether the variant gets a process of its own. */
  suspects(variant: string): boolean {
    return this.records.has(variant);
  }

  /** Why the variant is not run now; null: it may be. */
  restOf(variant: string, nowMs: number): string | null {
    const record = this.records.get(variant);
    const recent = record?.endsAtMs.filter((atMs) => nowMs - atMs < SUSPICION_MS) ?? [];
    if (record === undefined || recent.length < SUSPICIONS_MAX) return null;
    const leftMs = SUSPICION_MS - (nowMs - (recent.at(-SUSPICIONS_MAX) ?? nowMs));
    return `its engine process ended ${recent.length} times within ${SUSPICION_MS / 60_000} minutes (${record.reason}); it is loaded again in ${Math.ceil(leftMs / 1_000)} s`;
  }
}

/** Which variants share an engine process. */
export type Isolation = "none" | "shared" | "model" | "variant";

/** The process that runs a variant: all share one, those of an architecture do, or each has its own. */
export function processNameOf(
  owner: { readonly variant: string; readonly architecture: string },
  isolation: Isolation,
  suspect: boolean,
): string {
  if (suspect || isolation === "variant") return `variant ${owner.variant}`;
  return isolation === "model" ? `model ${owner.architecture}` : SHARED;
}

/** Name of the process that is there from the start. */
export const SHARED = "shared";
