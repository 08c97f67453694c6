import { Code, ServiceError } from "@infaas/runtime";
import type { ClusterView } from "./cluster-view";
import type { ViewChanges } from "./view-changes";

/** How often a change is planned anew because others changed what it was planned by; then ABORTED. */
const RECORD_ATTEMPTS_MAX = 16;
/** How long metadata may take to tell by its watch of what was recorded. */
export const TOLD_MAX_MS = 10_000;

/**
 * Runs a change that is planned by the view and written with the view's revision. After ABORTED it is planned anew once the
 * view shows more.
 * @throws What `change` throws; ABORTED after `RECORD_ATTEMPTS_MAX` attempts, UNAVAILABLE when the view does not follow.
 */
export async function planAnew(
  { view, changes }: { readonly view: ClusterView; readonly changes: ViewChanges },
  change: (readRevision: bigint) => Promise<void>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const readRevision = view.revision;
    try {
      return await change(readRevision);
    } catch (fault) {
      if (ServiceError.from(fault).code !== Code.ABORTED || attempt === RECORD_ATTEMPTS_MAX) throw fault;
    }
    const sentence = `metadata did not tell in time of what changed after revision ${readRevision}`;
    const late = new ServiceError(Code.UNAVAILABLE, sentence);
    await changes.until((now) => now.revision > readRevision, TOLD_MAX_MS, late);
  }
}
