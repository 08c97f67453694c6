import { type Host, HostState, MemberKind } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { GuardedWriter } from "../records/guarded-writer";
import { hostKey, memberKey } from "../records/keys";
import { checkName } from "../records/names";
import type { RecordView } from "../records/record-view";
import { encodeRecord } from "../records/records";
import type { StoreWrite } from "../store/store";
import { leads } from "./leads";

/** One change of a host record. */
export interface HostChange {
  /** As it is to be; without a state its record is deleted. */
  readonly host: Host;
  /** States that the writer expects; UNSPECIFIED: there is no record. */
  readonly from: readonly HostState[];
  /** Of the leader that writes; 0: the provider does. */
  readonly term: bigint;
}

/** Longest reason or fault, characters. */
const SENTENCE_CHARS_MAX = 1_000;

const leaderStates = [HostState.REQUESTED, HostState.DRAINING, HostState.GONE];
const providerStates = [HostState.STARTING, HostState.UP, HostState.GONE, HostState.UNSPECIFIED];

/**
 * Changes the record of one host, if it is in a state that the writer expects; one that is as wanted already is left alone.
 * ABORTED when it is in another state, FAILED_PRECONDITION for a leader that leads no longer, NOT_FOUND for a host of a
 * provider that has not joined, INVALID_ARGUMENT for a state that is not the writer's to say.
 */
export async function setHost(writer: GuardedWriter, change: HostChange): Promise<bigint> {
  checkName("host", change.host.name);
  checkName("host provider", change.host.provider);
  const own = change.term > 0n ? leaderStates : providerStates;
  if (!own.includes(change.host.state)) {
    const both = `${nameOf(change.host.state)} is not for ${change.term > 0n ? "a leader" : "a provider"} to say, but ${own.map(nameOf).join(", ")}`;
    throw new ServiceError(Code.INVALID_ARGUMENT, both);
  }
  for (const [what, text] of [
    ["reason", change.host.reason],
    ["fault", change.host.fault],
  ] as const) {
    if (text.length > SENTENCE_CHARS_MAX) {
      const both = `${what} of ${text.length} characters exceeds ${SENTENCE_CHARS_MAX}`;
      throw new ServiceError(Code.INVALID_ARGUMENT, both);
    }
  }
  const { revision } = await writer.write((view) => ({ ...planned(view, change), result: null }));
  return revision;
}

function planned(view: RecordView, { host, from, term }: HostChange) {
  const key = hostKey(host.name);
  const held = view.at(key)?.record.value;
  const now = held?.case === "host" ? held.value.state : HostState.UNSPECIFIED;
  const compares = term > 0n ? [leads(view, term)] : [];
  if (host.state !== HostState.UNSPECIFIED) checkProvider(view, host.provider);
  if (!from.includes(now)) {
    if (now === host.state) return { writes: [], compares };
    const both = `host "${host.name}" is ${nameOf(now)}, not ${from.map(nameOf).join(" or ")}`;
    throw new ServiceError(Code.ABORTED, both);
  }
  const writes: StoreWrite[] =
    host.state === HostState.UNSPECIFIED
      ? held === undefined
        ? []
        : [{ kind: "delete", key }]
      : [{ kind: "put", key, value: encodeRecord("host", host), leaseId: null }];
  return { writes, compares };
}

function checkProvider(view: RecordView, provider: string): void {
  const member = view.at(memberKey(provider))?.record.value;
  if (member?.case === "member" && member.value.kind === MemberKind.HOST_PROVIDER) return;
  throw new ServiceError(Code.NOT_FOUND, `no host provider "${provider}" has joined`);
}

function nameOf(state: HostState): string {
  return state === HostState.UNSPECIFIED ? "not recorded" : (HostState[state] ?? "").toLowerCase();
}
