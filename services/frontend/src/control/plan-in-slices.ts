import { type Clock, sleep } from "@infaas/runtime";

/** Time after which planning lets queries have this process's one thread, ms, once the step under way has ended. */
export const SLICE_MAX_MS = 4;

/** Takes one step of a plan after another; after `SLICE_MAX_MS`, and the step under way, the event loop turns. */
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
