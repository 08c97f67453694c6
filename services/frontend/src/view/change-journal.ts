import { HostState, InstancePhase, type InstanceStatus, type Record, type WatchResponse } from "@infaas/api";
import type { LoadPhases } from "@infaas/policy";

/** One change of what should be (hosts, desired instances), or of what is (loads, the lead). */
export interface RecordedChange {
  readonly epochMs: number;
  /** `requested`, `starting`, `up`, `draining`, `gone`, `failed`; `wanted`, `dropped`, `ready`, `failed`; `leads`. */
  readonly kind: string;
  /** Host, executor, or frontend that leads. */
  readonly host: string;
  /** Empty: it is of the host as a whole. */
  readonly variant: string;
  /** A sentence, with figures as far as the record has some. */
  readonly because: string;
  /** Of an instance that is ready: what loading it took, as far as its executor told. */
  readonly load?: LoadPhases;
}

/** Changes that are remembered; beyond them the oldest are forgotten. */
const CHANGES_MAX = 1_024;

/**
 * What changed, and why, by the records that every frontend follows: so whichever is asked tells the same, also after the
 * lead has passed on. It begins when the frontend does, with the hosts that there are. A message costs what is in it.
 */
export class ChangeJournal {
  /** The oldest first. */
  readonly changes: RecordedChange[] = [];
  private readonly known = new Map<string, Record>();
  /** Keys of the snapshot that is under way; null: none is. */
  private incoming: Set<string> | null = null;
  private isFirst = true;

  /** Takes one message of the watch; returns what it changed. */
  take(response: WatchResponse, epochMs: number): readonly RecordedChange[] {
    if (response.snapshotBegin) this.incoming = new Set();
    const added: RecordedChange[] = [];
    for (const key of response.deletedKeys) added.push(...this.replace(key, undefined, epochMs));
    for (const record of response.puts) {
      this.incoming?.add(record.key);
      added.push(...this.replace(record.key, record, epochMs));
    }
    if (this.incoming !== null && response.snapshotComplete) {
      for (const key of this.known.keys())
        if (!this.incoming.has(key)) added.push(...this.replace(key, undefined, epochMs));
      this.incoming = null;
      this.isFirst = false;
    }
    this.changes.push(...added);
    this.changes.splice(0, Math.max(0, this.changes.length - CHANGES_MAX));
    return added;
  }

  /** Returns the changes of one host, variant or architecture; of all for the empty name. */
  of(subject: string): readonly RecordedChange[] {
    if (subject === "") return this.changes;
    return this.changes.filter(
      ({ host, variant }) => host === subject || variant === subject || variant.startsWith(`${subject}.`),
    );
  }

  private replace(key: string, record: Record | undefined, epochMs: number): readonly RecordedChange[] {
    const before = this.known.get(key);
    if (record === undefined) this.known.delete(key);
    else this.known.set(key, record);
    return this.isFirst ? firstChanges(record) : changesOf(before, record, epochMs);
  }
}

/** Of what was there before this frontend only hosts say when, and why, they became what they are. */
function firstChanges(record: Record | undefined): readonly RecordedChange[] {
  return record?.value.case === "host" ? changesOf(undefined, record, 0) : [];
}

/** Returns what it means that a record is replaced; undefined: there was none, or is none. Pure. */
export function changesOf(
  before: Record | undefined,
  after: Record | undefined,
  epochMs: number,
): readonly RecordedChange[] {
  const value = (after ?? before)?.value;
  if (value?.case === "host") return hostChanges(before, after);
  if (value?.case === "executorPlacement") return placementChanges(before, after, epochMs);
  if (value?.case === "report") return reportChanges(before, after, epochMs);
  if (value?.case === "leadership" && after !== undefined) {
    const { member: host, term } = value.value;
    const isNew = before?.value.case !== "leadership" || before.value.value.term !== term;
    return isNew ? [{ epochMs, kind: "leads", host, variant: "", because: `term ${term}` }] : [];
  }
  return [];
}

function hostChanges(before: Record | undefined, after: Record | undefined): readonly RecordedChange[] {
  if (after?.value.case !== "host") return [];
  const { name: host, state, reason, fault, changedEpochMs: epochMs } = after.value.value;
  const known = before?.value.case === "host" ? before.value.value : null;
  if (known !== null && known.state === state && known.fault === fault) return [];
  const failed = fault !== "" && fault !== known?.fault;
  if (failed) return [{ epochMs, kind: "failed", host, variant: "", because: fault }];
  return [{ epochMs, kind: (HostState[state] ?? "").toLowerCase(), host, variant: "", because: reason }];
}

function placementChanges(
  before: Record | undefined,
  after: Record | undefined,
  epochMs: number,
): readonly RecordedChange[] {
  const [known, now] = [before, after].map((record) =>
    record?.value.case === "executorPlacement" ? record.value.value : null,
  );
  const host = (now ?? known)?.executor ?? "";
  const left = new Map(known?.variants.map((entry) => [entry.variant, entry.generation]));
  const changes: RecordedChange[] = [];
  for (const { variant, reason, plan, generation } of now?.variants ?? []) {
    const isNew = left.get(variant) !== generation;
    left.delete(variant);
    const because = plan === "" ? `wanted by ${reason}` : `wanted by ${reason}: ${plan}`;
    if (isNew) changes.push({ epochMs, kind: "wanted", host, variant, because });
  }
  for (const variant of left.keys())
    changes.push({ epochMs, kind: "dropped", host, variant, because: "it is wanted there no longer" });
  return changes;
}

function reportChanges(
  before: Record | undefined,
  after: Record | undefined,
  epochMs: number,
): readonly RecordedChange[] {
  if (after?.value.case !== "report") return [];
  const { executor: host, instances } = after.value.value;
  const known = new Map(
    before?.value.case === "report" ? before.value.value.instances.map((i) => [i.variant, i]) : [],
  );
  return instances.flatMap((status): RecordedChange[] => {
    const { variant, phase } = status;
    if (known.get(variant)?.phase === phase) return [];
    if (phase === InstancePhase.READY) {
      const load = status.loadPhases === undefined ? {} : { load: status.loadPhases };
      return [{ epochMs, kind: "ready", host, variant, because: loadSentence(status), ...load }];
    }
    if (phase === InstancePhase.FAILED)
      return [{ epochMs, kind: "failed", host, variant, because: status.reason }];
    return [];
  });
}

function loadSentence({ loadMs, loadPhases }: InstanceStatus): string {
  const whole = `loaded in ${Math.round(loadMs)} ms`;
  if (loadPhases === undefined) return whole;
  const { fetchMs, processMs, openMs, probeMs } = loadPhases;
  const parts = Object.entries({ fetch: fetchMs, process: processMs, open: openMs, probe: probeMs });
  return `${whole}: ${parts.map(([phase, ms]) => `${phase} ${ms.toFixed(1)}`).join(", ")}`;
}
