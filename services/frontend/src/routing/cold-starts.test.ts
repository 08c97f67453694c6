import { create } from "@bufbuild/protobuf";
import { InstancePhase, MemberKind, WatchResponseSchema } from "@infaas/api";
import { Code, createLogger, type ServiceError, VirtualClock } from "@infaas/runtime";
import { wireVariant } from "../testing/house";
import { ClusterView } from "../view/cluster-view";
import { ColdStarts } from "./cold-starts";
import { LoadRequests } from "./load-requests";

const FREEZE = { key: "freeze", value: { case: "freeze", value: { by: "operator", sinceEpochMs: 0 } } };

/** A frontend whose requests another one is to answer, with one executor that holds nothing. */
function setUp() {
  const clock = new VirtualClock();
  const logger = createLogger({ service: "test", level: "error" });
  const view = new ClusterView({ clock, logger, figureAgeMaxMs: 3_000 });
  let revision = 0n;
  const received = (puts: readonly object[], more: object = {}) => {
    revision += 1n;
    view.received(create(WatchResponseSchema, { revision, puts: [...puts], ...more }));
  };
  const member = { name: "e", kind: MemberKind.EXECUTOR, address: "e:1", cores: 1, accepting: true };
  const all = [
    { key: "variant/v", value: { case: "variant", value: wireVariant({ name: "v" }) } },
    { key: "member/e", value: { case: "member", value: member } },
    { key: "leader", value: { case: "leadership", value: { member: "f2", term: 1n } } },
  ];
  received(all, { snapshotBegin: true, snapshotComplete: true });
  view.setReachable({ name: "e", executor: "e" }, true);
  /** Variants of each call that recorded what this frontend needs. */
  const recorded: string[][] = [];
  const cluster: ConstructorParameters<typeof LoadRequests>[0]["cluster"] = {
    requestLoads: async ({ requests = [] }) => {
      recorded.push(requests.map(({ variant = "" }) => variant));
      return {} as never;
    },
    setPlacement: async () => {
      throw new Error("somebody leads");
    },
  };
  const requests = new LoadRequests({ clock, logger, view, cluster, leaseId: () => "lease-1" });
  const starts = new ColdStarts({ clock, view, requests, waitersMax: 8, waitMaxMs: 60_000 });
  const settled: (ServiceError | null)[] = [];
  const wait = () => starts.wait("v", "e", 60_000, (fault) => settled.push(fault));
  return { clock, received, recorded, starts, settled, wait };
}

describe("ColdStarts, when plans are frozen while queries wait", () => {
  it("refuses all whose load was not placed by then, with who froze them, and takes the request back", async () => {
    const { clock, received, recorded, starts, settled, wait } = setUp();
    for (let i = 0; i < 3; i++) wait();
    await clock.advance(0);
    expect([recorded, starts.count, settled]).toEqual([[["v"]], 3, []]);
    received([FREEZE]);
    await clock.advance(0);
    expect(settled.map((fault) => fault?.code)).toEqual(Array(3).fill(Code.FAILED_PRECONDITION));
    expect(settled[0]?.message).toContain("while plans are frozen: by operator since 1970-01-01");
    expect([recorded, starts.count]).toEqual([[["v"], []], 0]);
  });

  it("has those whose load was placed before wait on, and go once it is ready", async () => {
    const { clock, received, starts, settled, wait } = setUp();
    wait();
    const variants = [{ variant: "v", reason: "query", generation: 2n }];
    received([
      {
        key: "executor-placement/e",
        value: { case: "executorPlacement", value: { executor: "e", variants } },
      },
    ]);
    received([FREEZE]);
    await clock.advance(0);
    expect([starts.count, settled]).toEqual([1, []]);
    const instances = [{ variant: "v", executor: "e", phase: InstancePhase.READY }];
    received([{ key: "report/e", value: { case: "report", value: { executor: "e", instances } } }]);
    expect([starts.count, settled]).toEqual([0, [null]]);
  });

  it("refuses at once who comes later", () => {
    const { received, recorded, starts, settled, wait } = setUp();
    received([FREEZE]);
    wait();
    expect(settled.map((fault) => fault?.code)).toEqual([Code.FAILED_PRECONDITION]);
    expect([recorded, starts.count]).toEqual([[], 0]);
  });
});
