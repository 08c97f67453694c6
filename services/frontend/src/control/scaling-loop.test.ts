import { CatalogService, HostState, InstancePhase, MemberKind, MetricsService } from "@infaas/api";
import { PLACEMENT_PRIORITY } from "@infaas/policy";
import { Code, createRpcClient, systemClock } from "@infaas/runtime";
import {
  type House,
  inferRequest,
  putInstances,
  refusalOf,
  startHouse,
  TASK,
  until,
  untilTurn,
} from "../testing/house";

jest.setTimeout(30_000);

const { REQUESTED, UP, DRAINING, GONE } = HostState;
const FAST = ["--metric-period-ms", "100", "--scale-in-hold-ms", "1000"];

function putProvider(house: House, minHosts: number, maxHosts: number, billingMinimumMs = 0): void {
  const pool = {
    hostType: "local-cpu",
    cores: 8,
    memoryBytes: 32_000_000_000n,
    pricePerHourUsd: 0.384,
    minHosts,
    maxHosts,
    billingMinimumMs,
  };
  const value = { name: "local-hosts", kind: MemberKind.HOST_PROVIDER, pool };
  house.metadata.put("member/local-hosts", { case: "member", value });
}

function putHost(house: House, name: string, state: HostState, fault = "", requestedEpochMs = 0): void {
  const value = { name, provider: "local-hosts", state, reason: "test", fault, requestedEpochMs };
  house.metadata.put(`host/${name}`, { case: "host", value });
}

/** What an executor exports of the queries it holds. */
async function tellInFlight(house: House, executor: string, queries: number): Promise<void> {
  const metrics = createRpcClient(MetricsService, house.frontend.address);
  const attributes = [
    { key: "executor", value: { value: { case: "stringValue" as const, value: executor } } },
  ];
  const point = { value: { case: "asDouble" as const, value: queries }, attributes };
  const metric = {
    name: "infaas.executor.in_flight",
    data: { case: "gauge" as const, value: { dataPoints: [point] } },
  };
  await metrics.export({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] });
  metrics.close();
}

describe("ScalingLoop", () => {
  let house: House;
  afterEach(() => house.stop());
  const stateOf = (name: string) => house.metadata.host(name)?.state;
  const status = async () => {
    const catalog = createRpcClient(CatalogService, house.frontend.address);
    const told = await catalog.getStatus({});
    catalog.close();
    return told;
  };

  it("does nothing where nobody provides hosts", async () => {
    house = await startHouse({ e1: ["mlp@1"] }, undefined, FAST);
    await until(() => house.frontend.view.leader !== "");
    const { hosts, scaling } = await status();
    expect([hosts, scaling]).toEqual([[], undefined]);
  });

  it("asks for the least hosts by their records, with the reason", async () => {
    house = await startHouse({ "executor-1": ["mlp@1"] }, undefined, FAST);
    putProvider(house, 2, 3);
    putHost(house, "executor-1", UP);
    await until(() => stateOf("executor-2") === REQUESTED);
    expect(stateOf("executor-1")).toBe(UP);
    expect(house.metadata.host("executor-2")?.reason).toContain("at least 2 is kept");
    const { hosts, scaling } = await status();
    expect(hosts.map((h) => `${h.name} ${h.state}`)).toEqual(["executor-1 up", "executor-2 requested"]);
    expect(scaling).toMatchObject({ minHosts: 2, maxHosts: 3, wantedHosts: 2 });
    expect(scaling?.changes).toMatchObject([{ kind: "start", host: "executor-2" }]);
  });

  it("loads what is asked on the host that stays, lets the other go once it is ready, and ends it when it is empty", async () => {
    house = await startHouse({ "executor-1": [], "executor-2": ["mlp@1"] }, undefined, FAST);
    for (let i = 0; i < 5; i++) await house.inference.modelInfer(inferRequest(TASK));
    putProvider(house, 1, 3);
    for (const name of ["executor-1", "executor-2"]) putHost(house, name, UP);
    await until(() => house.metadata.placements.some((p) => p.executor === "executor-1"));
    expect(house.metadata.placements.find((p) => p.executor === "executor-1")).toMatchObject({
      variant: "mlp@1",
      reason: "autoscaler",
    });
    expect(stateOf("executor-2")).toBe(UP);
    putInstances(house.metadata, "executor-1", ["mlp@1"]);
    await until(() => stateOf("executor-2") === DRAINING);
    await until(() => house.frontend.view.executors.get("executor-2")?.memberAccepting === false);
    // Executors tell it each period.
    await untilTurn(async () => {
      await tellInFlight(house, "executor-2", 0);
      return stateOf("executor-2") === GONE;
    });
    expect(stateOf("executor-1")).toBe(UP);
    expect((await status()).scaling?.changes.map((c) => `${c.kind} ${c.host}`)).toContain(
      "remove executor-2",
    );
  });

  it("raises what it plans with over what a query may evict, without loading it anew, and nothing else", async () => {
    house = await startHouse({ "executor-1": ["mlp@1"] }, undefined, FAST);
    const { metadata, frontend } = house;
    metadata.place("executor-1", "mlp@1");
    metadata.place("executor-1", "mlp@2");
    for (let i = 0; i < 5; i++) await house.inference.modelInfer(inferRequest(TASK));
    putProvider(house, 1, 1);
    putHost(house, "executor-1", UP);
    const entryOf = (variant: string) =>
      frontend.view.placementOf("executor-1").find((entry) => entry.variant === variant);
    await until(() => entryOf("mlp@1")?.priority === PLACEMENT_PRIORITY.serving);
    expect(entryOf("mlp@1")).toMatchObject({ reason: "registration", generation: 1n });
    expect(entryOf("mlp@2")?.priority).toBe(PLACEMENT_PRIORITY.standby);
  });

  it("plans and does nothing while plans are frozen, says so, and goes on afterwards", async () => {
    house = await startHouse({ "executor-1": ["mlp@1"] }, undefined, FAST);
    const catalog = createRpcClient(CatalogService, house.frontend.address);
    const planless = await refusalOf(catalog.getPlan({}));
    expect([planless.code, planless.message]).toEqual([
      Code.FAILED_PRECONDITION,
      "hosts do not come and go: no member provides them",
    ]);
    await catalog.freezePlan({ frozen: true });
    await until(() => house.frontend.view.freeze !== null);
    putProvider(house, 2, 3);
    putHost(house, "executor-1", UP);
    await untilTurn(async () => (await status()).scaling !== undefined);
    const { steps, freeze } = await catalog.getPlan({});
    expect(steps).toMatchObject([{ kind: "start", host: "executor-2", variant: "" }]);
    expect(steps[0]?.because).toContain("at least 2 is kept");
    expect(freeze?.sinceEpochMs).toBeGreaterThan(0);
    expect((await status()).freeze).toEqual(freeze);
    expect(stateOf("executor-2")).toBeUndefined();
    await catalog.freezePlan({ frozen: false });
    await until(() => stateOf("executor-2") === REQUESTED);
    catalog.close();
  });

  it("tells what changed, of one host or variant, and why; and nothing of names nobody knows", async () => {
    house = await startHouse({ "executor-1": ["mlp@1"] }, undefined, FAST);
    putProvider(house, 2, 3);
    putHost(house, "executor-1", UP);
    await until(() => stateOf("executor-2") === REQUESTED);
    const catalog = createRpcClient(CatalogService, house.frontend.address);
    const { changes } = await catalog.listChanges({ subject: "executor-2" });
    expect(changes).toMatchObject([{ kind: "requested", host: "executor-2" }]);
    expect(changes[0]?.because).toContain("at least 2 is kept");
    const all = await catalog.listChanges({});
    expect(all.changes.map((c) => `${c.kind} ${c.host}`)).toEqual(
      expect.arrayContaining(["up executor-1", "requested executor-2"]),
    );
    expect((await refusalOf(catalog.listChanges({ subject: "x" }))).code).toBe(Code.NOT_FOUND);
    catalog.close();
  });

  it("shows the will beside the state, what is paid and used, and the age of figures", async () => {
    house = await startHouse({ "executor-1": ["mlp@1"] }, undefined, FAST);
    for (const variant of ["mlp@1", "mlp@2"]) house.metadata.place("executor-1", variant);
    await until(() => [...house.frontend.view.placements].length === 2);
    await untilTurn(async () => (await status()).frontends.some((f) => f.leads && f.demandAgeMs >= 0));
    const { instances, executors, frontends } = await status();
    expect(instances.map((i) => [i.variant, i.phase, i.wantedBecause])).toEqual([
      ["mlp@1", InstancePhase.READY, "wanted by registration"],
      ["mlp@2", InstancePhase.UNSPECIFIED, "wanted by registration"],
    ]);
    const [executor] = executors;
    expect(executor).toMatchObject({ figuresUnknown: false, idleBecause: "it does not come and go" });
    expect(executor!.usedPerHourUsd).toBeCloseTo(executor!.pricePerHourUsd * executor!.utilisation);
    expect(frontends).toMatchObject([{ name: "frontend-1", leads: true, demandUnknown: false }]);
  });

  it("downgrades what does not fit the hosts there may be: loads the other first, then unloads what would be preferred", async () => {
    const variants = [
      { name: "exact", accuracy: 0.99, latencyMs: 400 },
      { name: "fast", accuracy: 0.9, latencyMs: 1 },
    ];
    house = await startHouse({ "executor-1": ["exact"] }, variants, FAST);
    const dropped: string[] = [];
    house.metadata.onUnplacement = ({ variant, executor }) => void dropped.push(`${variant} ${executor}`);
    house.metadata.place("executor-1", "exact");
    putProvider(house, 1, 1);
    putHost(house, "executor-1", UP);
    const asked = inferRequest(TASK, { objective: "max-accuracy" });
    for (let i = 0; i < 40; i++) await house.inference.modelInfer(asked);
    await until(() => house.metadata.placements.some((p) => p.variant === "fast"));
    expect(dropped).toEqual([]);
    putInstances(house.metadata, "executor-1", ["exact", "fast"]);
    await until(() => dropped.length > 0);
    expect(dropped[0]).toBe("exact executor-1");
    const { scaling } = await status();
    expect(scaling?.changes.map((c) => c.kind)).toEqual(expect.arrayContaining(["load", "unload"]));
    expect(scaling?.changes.find((c) => c.kind === "unload")?.because).toBe(
      `exact: '${TASK}' is planned with fast`,
    );
  });

  it("says in a refusal that money forbids another host, and offers what has room", async () => {
    const variants = [
      { name: "exact", accuracy: 0.99, latencyMs: 400 },
      { name: "fast", accuracy: 0.9, latencyMs: 1 },
    ];
    const held = { "executor-1": ["exact", "fast"] };
    house = await startHouse(held, variants, [...FAST, "--max-usd-per-hour", "0.5"]);
    putProvider(house, 1, 3);
    putHost(house, "executor-1", UP);
    await until(() => house.frontend.view.hosts.length === 1);
    house.executors[0]!.behaviour = () => undefined;
    const asked = inferRequest(TASK, { slo_min_accuracy: 0.95, slo_latency_ms: 500 });
    const first = refusalOf(house.inference.modelInfer(asked));
    await until(() => house.executors[0]!.received.length === 1);
    const { code, message } = await refusalOf(house.inference.modelInfer(asked));
    expect([code, message]).toEqual([
      Code.RESOURCE_EXHAUSTED,
      expect.stringContaining(
        "is full; 1 hosts cost $0.384 an hour, and one more would exceed the $0.5 that are allowed; accepted would be: with other accuracy: fast in",
      ),
    ]);
    expect(message).toMatch(/with other latency: exact in \d{3}/);
    await house.executors[0]!.stop();
    await first;
  });

  it("keeps a host as long as it is paid for", async () => {
    house = await startHouse({ "executor-1": ["mlp@1"], "executor-2": ["mlp@1"] }, undefined, FAST);
    putProvider(house, 1, 3, 3_600_000);
    const requestedEpochMs = systemClock.epochMs();
    putHost(house, "executor-1", UP);
    putHost(house, "executor-2", UP, "", requestedEpochMs);
    await untilTurn(
      async () => (await status()).scaling?.summary.includes("what is idle is paid for") === true,
    );
    expect(stateOf("executor-2")).toBe(UP);
    putHost(house, "executor-2", UP, "", requestedEpochMs - 3_600_000);
    await until(() => stateOf("executor-2") === DRAINING);
    expect(house.metadata.host("executor-2")?.requestedEpochMs).toBe(requestedEpochMs - 3_600_000);
  });

  it("asks for no host while one that could not be started rests", async () => {
    house = await startHouse({ "executor-1": ["mlp@1"] }, undefined, FAST);
    putHost(house, "executor-2", GONE, "port in use");
    putProvider(house, 2, 3);
    putHost(house, "executor-1", UP);
    await untilTurn(async () => (await status()).scaling !== undefined);
    const { scaling, hosts } = await status();
    expect(hosts.find((h) => h.name === "executor-2")?.fault).toBe("port in use");
    expect(scaling).toMatchObject({ wantedHosts: 2, changes: [] });
    expect(stateOf("executor-2")).toBe(GONE);
  });
});
