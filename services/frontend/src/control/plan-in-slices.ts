import { type Clock, sleep } from "@infaas/runtime";

/** Longest time that planning keeps queries waiting for this process's one thread, ms, before it lets them in. */
export const SLICE_MAX_MS = 4;

/** Takes one step of a plan after another, letting the event loop turn at least every `SLICE_MAX_MS`. */
export async function planInSlices<T>(planning: Generator<undefined, T>, clock: Clock): Promise<T> {
  for (;;) {
    const startMs = clock.nowMs();
    while (clock.nowMs() - startMs < SLICE_MAX_MS) {
      const { done, value } = planning.next();
      if (done === true) return value;
    }
    await sleep(clock, 0);
  }
}
