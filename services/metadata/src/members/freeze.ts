import type { PlanFreeze } from "@infaas/api";
import type { GuardedWriter } from "../records/guarded-writer";
import { freezeKey } from "../records/keys";
import { encodeRecord } from "../records/records";

/**
 * Has leaders carry out no plan, or carry them out again (`freeze` undefined). A freeze that stands is left as it is, so that
 * it says who was first.
 */
export async function setFreeze(writer: GuardedWriter, freeze: PlanFreeze | undefined): Promise<bigint> {
  const { revision } = await writer.write((view) => {
    const stands = view.at(freezeKey) !== null;
    if (stands === (freeze !== undefined)) return { writes: [], result: null };
    if (freeze === undefined) return { writes: [{ kind: "delete", key: freezeKey }], result: null };
    const value = encodeRecord("freeze", freeze);
    return { writes: [{ kind: "put", key: freezeKey, value, leaseId: null }], result: null };
  });
  return revision;
}
