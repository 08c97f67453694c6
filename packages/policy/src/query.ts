import type { TargetIndex } from "./catalog";
import type { Instance, Slo, Target } from "./types";

/** One query as the selector sees it. */
export interface Query {
  readonly target: Target;
  /** Rows in the request (size of the batch axis; 1 for unbatched models). */
  readonly rows: number;
  readonly slo: Slo;
  /** The variants that take what was sent, where not all behind the target do. */
  readonly among?: TargetIndex;
  /** An instance that could not have answered it in time: it counts as too late, whatever its figures say. */
  readonly late?: Instance;
}
