import { create } from "@bufbuild/protobuf";
import { InstancePhase, MemberKind, WatchResponseSchema } from "@infaas/api";
import { PLACEMENT_PRIORITY, RANK_HOLD_MS } from "@infaas/policy";
import { createLogger, VirtualClock } from "@infaas/runtime";
import { wireVariant } from "../testing/house";
import { ClusterView } from "../view/cluster-view";
import { StaticHostProvider } from "./host-provider/static";
import { LeaderLoop } from "./leader-loop";
import type { ExecutorPlan, PlacementWriter } from "./placement-writer";

const PERIOD_MS = 1_000;
const { serving, standby } = PLACEMENT_PRIORITY;

/** A leader of one executor with a ready, idle instance of `v`, which is held with the priority of what serves. */
function setUp(retains: (variant: string, executor: string) => boolean) {
  const clock = new VirtualClock();
  const logger = createLogger({ service: "test", level: "error" });
  const view = new ClusterView({ clock, logger, figureAgeMaxMs: 3_000 });
  let revision = 0n;
  const received = (puts: readonly object[], more: object = {}) => {
    revision += 1n;
    view.received(create(WatchResponseSchema, { revision, puts: [...puts], ...more }));
  };
  const placed = (executor: string, variants: readonly object[]) => ({
    key: `executor-placement/${executor}`,
    value: { case: "executorPlacement", value: { executor, variants } },
  });
  const member = { name: "e", kind: MemberKind.EXECUTOR, address: "e:1", cores: 1, accepting: true };
  const report = { executor: "e", instances: [{ variant: "v", executor: "e", phase: InstancePhase.READY }] };
  const all = [
    { key: "variant/v", value: { case: "variant", value: wireVariant({ name: "v" }) } },
    { key: "member/e", value: { case: "member", value: member } },
    { key: "report/e", value: { case: "report", value: report } },
    placed("e", [{ variant: "v", reason: "autoscaler", priority: serving, generation: 1n }]),
  ];
  received(all, { snapshotBegin: true, snapshotComplete: true });
  view.setReachable({ name: "e", executor: "e" }, true);
  const write = async (plan: readonly ExecutorPlan[]) => {
    received(plan.map(({ executor, entries }) => placed(executor, entries)));
  };
  const placements: PlacementWriter = { write, revise: (decide) => write(decide()) };
  const plan = { retired: new Set<string>(), retains };
  const hosts = new StaticHostProvider(() => view.executors.values());
  const loop = new LeaderLoop({
    ...{ clock, logger, view, placements, hosts, plan },
    ...{ isLeader: () => true, periodMs: PERIOD_MS },
  });
  loop.start();
  /** Time passes; the executor tells each second that it has answered nothing. */
  const idle = async (ms: number) => {
    const figures = { refusedTotal: 0, latencyP95Ms: null, batchSize: null, drainMs: 0 };
    for (let passedMs = 0; passedMs < ms; passedMs += PERIOD_MS) {
      view.heard();
      view.instanceFigures({ variant: "v", executor: "e", servedTotal: 0, ...figures });
      await clock.advance(PERIOD_MS);
    }
  };
  return { loop, idle, priority: () => view.placementOf("e")[0]?.priority };
}

describe("LeaderLoop, of priorities", () => {
  it("lowers what answers nothing where no plan retains it", async () => {
    const { loop, idle, priority } = setUp(() => false);
    await idle(RANK_HOLD_MS / 2);
    expect(priority()).toBe(serving);
    await idle(RANK_HOLD_MS);
    expect(priority()).toBe(standby);
    loop.stop();
  });

  it("leaves what the plan retains as it is, however long it answers nothing, and lowers it once the plan drops it", async () => {
    const retained = new Set(["v e"]);
    const { loop, idle, priority } = setUp((variant, executor) => retained.has(`${variant} ${executor}`));
    await idle(6 * RANK_HOLD_MS);
    expect(priority()).toBe(serving);
    retained.clear();
    await idle(RANK_HOLD_MS / 2);
    expect(priority()).toBe(serving);
    await idle(RANK_HOLD_MS);
    expect(priority()).toBe(standby);
    loop.stop();
  });
});
