import { Code, ServiceError } from "@infaas/runtime";
import { leadershipKey } from "../records/keys";
import type { RecordView } from "../records/record-view";
import type { Compare } from "../store/store";

/** What holds while the leader of that term leads; FAILED_PRECONDITION, with both terms, when it does not. */
export function leads(view: RecordView, term: bigint): Compare {
  const held = view.at(leadershipKey);
  const value = held?.record.value;
  if (held === null || value?.case !== "leadership" || value.value.term !== term) {
    const now = value?.case === "leadership" ? `term ${value.value.term} leads` : "nobody leads";
    throw new ServiceError(Code.FAILED_PRECONDITION, `term ${term} does not lead: ${now}`);
  }
  return { key: leadershipKey, revision: held.revision };
}

/** What holds while nobody leads; FAILED_PRECONDITION, naming `what` is the leader's, when somebody does. */
export function nobodyLeads(view: RecordView, what: string): Compare {
  const value = view.at(leadershipKey)?.record.value;
  if (value?.case === "leadership") {
    const { member, term } = value.value;
    const message = `${what} is the leader's to write: "${member}" leads in term ${term}`;
    throw new ServiceError(Code.FAILED_PRECONDITION, message);
  }
  return { key: leadershipKey, revision: 0n };
}
