import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  HostState,
  InstancePhase,
  type RecordSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "@infaas/api";
import { ChangeJournal } from "./change-journal";

type Put = MessageInitShape<typeof RecordSchema>;

const host = (state: HostState, reason: string, changedEpochMs: number, fault = ""): Put => ({
  key: "host/executor-2",
  value: { case: "host", value: { name: "executor-2", state, reason, fault, changedEpochMs } },
});
const placed = (generation: bigint, plan = "", priority = 0): Put => ({
  key: "executor-placement/executor-2",
  value: {
    case: "executorPlacement",
    value: {
      executor: "executor-2",
      variants: [{ variant: "mlp.v1.fast", reason: "autoscaler", plan, priority, generation }],
    },
  },
});
const placement = placed(1n);
const report = (phase: InstancePhase, reason = ""): Put => ({
  key: "report/executor-2",
  value: {
    case: "report",
    value: { executor: "executor-2", instances: [{ variant: "mlp.v1.fast", phase, reason, loadMs: 12.4 }] },
  },
});
const message = (
  puts: readonly Put[],
  more: MessageInitShape<typeof WatchResponseSchema> = {},
): WatchResponse => create(WatchResponseSchema, { puts: [...puts], ...more });
const snapshot = (...puts: Put[]) => message(puts, { snapshotBegin: true, snapshotComplete: true });
const told = (journal: ChangeJournal, subject = "") =>
  journal.of(subject).map((c) => `${c.epochMs} ${c.kind} ${c.host} ${c.variant}: ${c.because}`);

describe("ChangeJournal", () => {
  it("begins with the hosts that there are, since when and why; of nothing else it is known when", () => {
    const journal = new ChangeJournal();
    journal.take(snapshot(host(HostState.UP, "312 in 0.5 s, planned 280", 7), placement), 100);
    expect(told(journal)).toEqual(["7 up executor-2 : 312 in 0.5 s, planned 280"]);
  });

  it("tells the life of a host and of what is loaded there, in order", () => {
    const journal = new ChangeJournal();
    journal.take(snapshot(), 0);
    journal.take(message([host(HostState.REQUESTED, "demand", 1)]), 1);
    journal.take(message([host(HostState.UP, "demand", 2), placement]), 3);
    journal.take(message([report(InstancePhase.LOADING)]), 4);
    journal.take(message([report(InstancePhase.READY)]), 5);
    journal.take(message([report(InstancePhase.READY)]), 6);
    journal.take(message([], { deletedKeys: ["executor-placement/executor-2"] }), 7);
    journal.take(message([host(HostState.DRAINING, "less", 8)]), 8);
    expect(told(journal)).toEqual([
      "1 requested executor-2 : demand",
      "2 up executor-2 : demand",
      "3 wanted executor-2 mlp.v1.fast: wanted by autoscaler",
      "5 ready executor-2 mlp.v1.fast: loaded in 12 ms",
      "7 dropped executor-2 mlp.v1.fast: it is wanted there no longer",
      "8 draining executor-2 : less",
    ]);
    expect(told(journal, "mlp")).toHaveLength(3);
    expect(told(journal, "executor-2")).toHaveLength(6);
    expect(told(journal, "executor-1")).toEqual([]);
  });

  it("tells of an instance that is wanted anew, with its plan, and not of a priority", () => {
    const journal = new ChangeJournal();
    journal.take(snapshot(placement), 0);
    journal.take(message([placed(1n, "", 20)]), 1);
    journal.take(message([placed(9n, "queries at f1 need it")]), 2);
    expect(told(journal)).toEqual([
      "2 wanted executor-2 mlp.v1.fast: wanted by autoscaler: queries at f1 need it",
    ]);
  });

  it("tells why a host could not be started and an instance not be loaded", () => {
    const journal = new ChangeJournal();
    journal.take(snapshot(), 0);
    journal.take(message([host(HostState.STARTING, "demand", 1, "port in use")]), 1);
    journal.take(message([report(InstancePhase.FAILED, "no room")]), 2);
    expect(told(journal)).toEqual([
      "1 failed executor-2 : port in use",
      "2 failed executor-2 mlp.v1.fast: no room",
    ]);
  });

  it("takes what a later snapshot lacks as gone, and repeats nothing that it has", () => {
    const journal = new ChangeJournal();
    journal.take(snapshot(host(HostState.UP, "demand", 1), placement), 1);
    journal.take(message([host(HostState.UP, "demand", 1)], { snapshotBegin: true }), 5);
    journal.take(message([], { snapshotComplete: true }), 6);
    expect(told(journal).slice(1)).toEqual([
      "6 dropped executor-2 mlp.v1.fast: it is wanted there no longer",
    ]);
  });

  it("tells who leads since when", () => {
    const journal = new ChangeJournal();
    const leads = (member: string, term: bigint): Put => ({
      key: "leadership",
      value: { case: "leadership", value: { member, term } },
    });
    journal.take(snapshot(leads("f1", 1n)), 0);
    journal.take(message([leads("f1", 1n)]), 1);
    journal.take(message([leads("f2", 2n)]), 2);
    expect(told(journal)).toEqual(["2 leads f2 : term 2"]);
  });

  it("forgets the oldest beyond its bound", () => {
    const journal = new ChangeJournal();
    journal.take(snapshot(), 0);
    for (let i = 0; i < 3_000; i++)
      journal.take(message([host(i % 2 === 0 ? HostState.UP : HostState.DRAINING, "", i)]), i);
    expect(journal.changes).toHaveLength(1_024);
    expect(journal.changes.at(-1)?.epochMs).toBe(2_999);
  });
});
