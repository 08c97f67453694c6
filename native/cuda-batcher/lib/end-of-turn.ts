/** Calls `task` once the code that runs now has ended: what it asks for many times is done once. */
export function atEndOfTurn(task: () => void): void {
  queueMicrotask(task);
}
