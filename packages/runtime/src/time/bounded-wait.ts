import type { Clock } from "./clock";

/** A promise and the function that resolves it. */
export function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Waits until `work` settles, either way, but no longer than `limitMs`; returns whether it did. */
export async function settledWithin(clock: Clock, work: Promise<unknown>, limitMs: number): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const timer = clock.setTimer(limitMs, () => resolve(false));
    const settled = () => {
      timer.cancel();
      resolve(true);
    };
    work.then(settled, settled);
  });
}
