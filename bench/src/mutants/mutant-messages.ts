/** Messages from `profileMutants` to the process that profiles. */
export interface MutantOrder {
  readonly seed: number;
  /** Number of the first mutant; a number and the seed decide all of it. */
  readonly from: number;
  readonly count: number;
  /** An existing folder for its files. */
  readonly folder: string;
}

/** Messages from the process that profiles: what it begins with, and how that ended. */
export type MutantReport =
  | { readonly kind: "begin"; readonly number: number }
  | { readonly kind: "end"; readonly number: number; readonly ending: string; readonly fault: string | null };
