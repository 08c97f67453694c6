import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  InstancePhase,
  type InstanceReport,
  InstanceReportSchema,
  type InstanceStatus,
  InstanceStatusSchema,
  MemberKind,
  type RecordSchema,
  WatchResponseSchema,
} from "@infaas/api";
import { createLogger, VirtualClock } from "@infaas/runtime";
import { wireVariant } from "../testing/house";
import { ClusterView } from "./cluster-view";

type Put = MessageInitShape<typeof RecordSchema>;

const VARIANTS = Array.from({ length: 100 }, (_, i) => `v${i}`);
const EXECUTORS = Array.from({ length: 10 }, (_, i) => `e${i}`);

function member(name: string): Put {
  const value = {
    name,
    kind: MemberKind.EXECUTOR,
    address: `${name}:1`,
    cores: 8,
    memoryBytes: 1_000n,
    accepting: true,
  };
  return { key: `member/${name}`, value: { case: "member", value } };
}

function placement(executor: string, priority: number): Put {
  const variants = VARIANTS.map((variant) => ({ variant, priority, generation: 1n }));
  return {
    key: `executor-placement/${executor}`,
    value: { case: "executorPlacement", value: { executor, variants } },
  };
}

/** A view of ten executors with a hundred ready instances each, and how often each executor's statuses are looked at. */
function setUp() {
  const view = new ClusterView({
    clock: new VirtualClock(),
    logger: createLogger({ service: "test", level: "error" }),
    figureAgeMaxMs: 3_000,
  });
  let revision = 0n;
  const tell = (puts: readonly Put[], more: object = {}) => {
    revision += 1n;
    view.received(create(WatchResponseSchema, { revision, puts: [...puts], ...more }));
  };
  const looks = new Map<string, number>();
  const counted = (status: InstanceStatus): InstanceStatus =>
    new Proxy(status, {
      get: (of, key: keyof InstanceStatus) => {
        if (key === "phase") looks.set(of.executor, (looks.get(of.executor) ?? 0) + 1);
        return of[key];
      },
    });
  const report = (executor: string, phases: Readonly<Record<string, InstancePhase>> = {}): Put => {
    const value: InstanceReport = create(InstanceReportSchema, { executor });
    value.instances = VARIANTS.map((variant) =>
      counted(
        create(InstanceStatusSchema, {
          variant,
          executor,
          phase: phases[variant] ?? InstancePhase.READY,
          memoryBytes: 1n,
        }),
      ),
    );
    return { key: `report/${executor}`, value: { case: "report", value } };
  };
  const all = [
    ...VARIANTS.map(
      (name): Put => ({ key: `variant/${name}`, value: { case: "variant", value: wireVariant({ name }) } }),
    ),
    ...EXECUTORS.map(member),
    ...EXECUTORS.map((name) => report(name)),
    ...EXECUTORS.map((name) => placement(name, 0)),
  ];
  tell(all, { snapshotBegin: true, snapshotComplete: true });
  for (const name of EXECUTORS) view.setReachable({ name, executor: name }, true);
  looks.clear();
  return { view, tell, report, looks };
}

describe("ClusterView, of 1,000 instances", () => {
  it("looks at the instances of the executor that reports, and keeps the objects of all that stay", () => {
    const { view, tell, report, looks } = setUp();
    const before = view.instances;
    expect(before).toHaveLength(1_000);
    tell([report("e3", { v7: InstancePhase.DRAINING })]);
    expect([...looks.keys()]).toEqual(["e3"]);
    expect(looks.get("e3")).toBeLessThanOrEqual(3 * VARIANTS.length);
    expect(view.instances).toHaveLength(999);
    const known = new Set(before);
    expect(view.instances.every((instance) => known.has(instance))).toBe(true);
  });

  it.each<[string, readonly Put[]]>([
    ["a placement", [placement("e1", 10)]],
    [
      "a load request",
      [{ key: "load-requests/f", value: { case: "loadRequests", value: { frontend: "f" } } }],
    ],
    ["a host", [{ key: "host/h", value: { case: "host", value: { name: "h" } } }]],
    ["who leads", [{ key: "leadership", value: { case: "leadership", value: { member: "f", term: 1n } } }]],
  ])("looks at no instance for %s, and leaves the structure as it is; who waits is told", (_, puts) => {
    const { view, tell, looks } = setUp();
    const { structure, instances } = view;
    let told = 0;
    view.onChange(() => {
      told += 1;
    });
    tell(puts);
    expect([looks.size, view.structure, told]).toEqual([0, structure, 1]);
    expect(view.instances).toBe(instances);
  });

  it("leaves the structure as it is for a report in which no ready instance changed", () => {
    const { view, tell, report } = setUp();
    tell([report("e3", { v7: InstancePhase.DRAINING })]);
    const { structure } = view;
    tell([report("e3", { v7: InstancePhase.FAILED })]);
    expect(view.structure).toBe(structure);
    expect(view.status("v7", "e3")?.phase).toBe(InstancePhase.FAILED);
  });

  it("forgets the instances of an executor whose report is gone, and looks at no other", () => {
    const { view, tell, looks } = setUp();
    tell([], { deletedKeys: ["report/e3"] });
    expect([looks.size, view.instances.length, view.status("v1", "e3")]).toEqual([0, 900, undefined]);
  });

  it("counts as evictable what a query may have evicted: what is idle and serves no demand", () => {
    const { view, tell } = setUp();
    const evictable = () =>
      EXECUTORS.slice(0, 2).map((name) => view.executors.get(name)?.memoryEvictableBytes);
    expect(evictable()).toEqual([100, 100]);
    tell([placement("e1", 20)]);
    expect(evictable()).toEqual([100, 0]);
    tell([placement("e1", 10)]);
    expect(evictable()).toEqual([100, 100]);
  });
});
