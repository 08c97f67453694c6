import type { Random } from "@infaas/runtime";
import { CostSearch, type Found } from "./cost-search";
import type { CostTarget } from "./targets";
import { firstThreadMs } from "./thread-time";

/** What one message may cost of a thread that everybody shares. */
export const COST_MS = 50;
/** What seems to cost too much is sent so often again; the least of it counts, since other work only adds. */
const CONFIRMATIONS = 4;

/** Looks for the message that keeps the first thread of a process busy for longest; `tried`: how many were sent. */
export async function searchTarget(
  target: CostTarget,
  o: { readonly pid: number; readonly seconds: number; readonly random: Random },
): Promise<{ readonly worst: Found; readonly tried: number; readonly answer: string }> {
  const found = new CostSearch(target.seeds, target.bytesMax, o.random);
  const endMs = performance.now() + o.seconds * 1_000;
  let tried = 0;
  for (; performance.now() < endMs || tried <= target.seeds.length; tried++) {
    const bytes = found.propose();
    let { costMs } = await costOf(target, o.pid, bytes);
    if (costMs > (found.worst?.costMs ?? 0))
      for (let i = 0; i < CONFIRMATIONS; i++)
        costMs = Math.min(costMs, (await costOf(target, o.pid, bytes)).costMs);
    found.tell(bytes, costMs);
  }
  const worst = found.worst ?? { bytes: Buffer.alloc(0), costMs: 0 };
  const { answer } = await costOf(target, o.pid, worst.bytes);
  return { worst, tried, answer };
}

/** What a message costs the first thread of a process, and how it was answered. */
export async function costOf(
  target: CostTarget,
  pid: number,
  bytes: Buffer,
): Promise<{ readonly costMs: number; readonly answer: string }> {
  const before = firstThreadMs(pid);
  const answer = await target.send(bytes);
  return { costMs: firstThreadMs(pid) - before, answer };
}
