import { ClusterService, MemberKind } from "@infaas/api";
import { ScriptedCluster } from "@infaas/cluster/testing/scripted-cluster";
import { createLogger, createRpcClient, Lifecycle, seededRandom, systemClock } from "@infaas/runtime";
import type { DesiredVariant, InstanceLine } from "../instances/executor";
import { joinCluster } from "./join-cluster";

const logger = createLogger({ service: "test", write: () => undefined });
const line: InstanceLine = {
  variant: "a",
  phase: "ready",
  reason: "",
  memoryBytes: 5,
  inFlight: 0,
  drainMs: 0,
  loadMs: 0,
  process: "",
  lacksMemory: false,
  generation: 1n,
};
const config = {
  name: "exec-1",
  hostType: "local-cpu",
  device: null,
  cores: 2,
  memoryBytes: 100,
  pricePerHour: 0.096,
  leaseTtlMs: 300,
};

describe("joinCluster", () => {
  const life = new Lifecycle();
  afterAll(() => life.stop());

  async function setUp(prepare: (cluster: ScriptedCluster) => void = () => undefined) {
    const cluster = new ScriptedCluster();
    prepare(cluster);
    const address = await cluster.listen("127.0.0.1:0");
    const client = createRpcClient(ClusterService, address);
    const listeners: (() => void)[] = [];
    const desired: DesiredVariant[][] = [];
    const targets = new Set<string>();
    const leave = joinCluster(
      config,
      {
        clock: systemClock,
        random: seededRandom(1),
        logger,
        telemetry: {
          addMetricTarget: (target) => void targets.add(target),
          removeMetricTarget: (target) => void targets.delete(target),
        },
      },
      {
        cluster: client,
        executor: {
          lines: () => [line],
          onChange: (listener) => void listeners.push(listener),
          setDesired: (variants) => void desired.push([...variants]),
        },
        processes: null,
        address: "127.0.0.1:8201",
        linkAddress: "127.0.0.1:8301",
      },
    );
    life.onStop("cluster", () => cluster.stop());
    life.onStop("client", () => client.close());
    life.onStop("membership", leave);
    const changed = () => {
      for (const tell of listeners) tell();
    };
    return { cluster, address, leave, desired, targets, changed };
  }

  it("joins, reports its instances and watches from a snapshot", async () => {
    const { cluster } = await setUp();
    await cluster.until(() => cluster.reports.length > 0 && cluster.watchedFrom.length > 0);
    expect(cluster.joins[0]).toMatchObject({ name: "exec-1", cores: 2, memoryBytes: 100n, accepting: true });
    expect(cluster.joins[0]).toMatchObject({
      kind: MemberKind.EXECUTOR,
      address: "127.0.0.1:8201",
      linkAddress: "127.0.0.1:8301",
      pricePerHourUsd: 0.096,
    });
    expect(cluster.reports[0]).toEqual(["a READY"]);
    expect(cluster.watchedFrom).toEqual([0n]);
  });

  it("reports again when its lease was lost", async () => {
    const { cluster } = await setUp();
    await cluster.until(() => cluster.reports.length > 0);
    cluster.loseLease();
    await cluster.until(() => cluster.joins.length > 1 && cluster.reports.length > 1);
    expect(cluster.lease).toBe("lease-2");
  });

  it("sends its metrics to every frontend, and joins as what an operator said of it", async () => {
    const said = { name: "exec-1", kind: MemberKind.EXECUTOR, address: "127.0.0.1:8201", accepting: false };
    const frontend = { name: "f", kind: MemberKind.FRONTEND, address: "127.0.0.1:8001", accepting: true };
    const { cluster, targets, desired } = await setUp((prepared) => {
      prepared.puts = [said, frontend].map((value) => ({
        key: `member/${value.name}`,
        value: { case: "member", value },
      }));
    });
    await cluster.until(() => targets.size > 0 || cluster.watchedFrom.length > 1);
    await cluster.until(() => cluster.reports.length > 0);
    cluster.loseLease();
    await cluster.until(() => cluster.joins.length > 1);
    expect([...targets]).toEqual(["127.0.0.1:8001"]);
    expect(cluster.joins[1]).toMatchObject({ accepting: false });
    expect(desired.at(-1)).toEqual([]);
  });

  it("comes back when metadata was away", async () => {
    const { cluster, address } = await setUp();
    const { joins, reports, watchedFrom } = cluster;
    const each = (least: number) => [joins, reports, watchedFrom].every(({ length }) => length >= least);
    await cluster.until(() => each(1));
    await cluster.restart(address);
    await cluster.until(() => each(2));
  });

  it("makes one report of many changes at once", async () => {
    const { cluster, changed, leave } = await setUp();
    await cluster.until(() => cluster.reports.length > 0);
    for (let i = 0; i < 10; i += 1) changed();
    await leave();
    expect(cluster.reports.length).toBeLessThanOrEqual(3);
  });

  it("leaves when it stops", async () => {
    const { cluster, leave } = await setUp();
    await cluster.until(() => cluster.reports.length > 0);
    await leave();
    expect(cluster.left).toEqual(["lease-1"]);
  });
});
