/** Figures that are older than so many periods are none. */
const AGE_PERIODS = 3;
/** Shortest such age: a busy process may export late. */
const AGE_LEAST_MS = 3_000;

/**
 * Returns the age from which figures that are told once a period say nothing any more: then what told them is full where
 * something is to be placed, and busy where something is to be removed.
 */
export function figureAgeMaxMs(periodMs: number): number {
  return Math.max(AGE_LEAST_MS, AGE_PERIODS * periodMs);
}
