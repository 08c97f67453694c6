/** Resolves after everything that waits for this thread has had its turn: for long work between its parts. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
