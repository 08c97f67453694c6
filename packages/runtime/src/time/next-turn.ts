/** Resolves after everything that waits for this thread has had its turn: for long work between its parts. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves once all that is settled has run, and what that settles: a quarter of the price of a turn, in which sockets wait. */
export function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
