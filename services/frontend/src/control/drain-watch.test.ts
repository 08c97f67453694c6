import { create } from "@bufbuild/protobuf";
import { HostSchema, HostState } from "@infaas/api";
import { LiveExecutor } from "../view/live-instance";
import { DrainWatch } from "./drain-watch";

function executor(inFlight: LiveExecutor["inFlight"], memberAccepting = false) {
  const live = new LiveExecutor({
    name: "executor-2",
    address: "127.0.0.1:1",
    linkAddress: "",
    incarnation: "",
    hostType: "local-cpu",
    deviceKinds: ["cpu"],
    cores: 1,
    cpuCores: 0.5,
    memoryBytes: 1e9,
    pricePerHourUsd: 0.1,
  });
  live.inFlight = inFlight;
  live.memberAccepting = memberAccepting;
  return live;
}

function watching(live: LiveExecutor | null) {
  const hosts = [create(HostSchema, { name: "executor-2", state: HostState.DRAINING })];
  const executors = new Map(live === null ? [] : [[live.name, live]]);
  const watch = new DrainWatch({ executors, hosts });
  return (nowMs: number) => watch.steps(nowMs).map(({ host, step }) => `${step} ${host}`);
}

describe("DrainWatch", () => {
  it("has the executor take no new work first", () => {
    expect(watching(executor(null, true))(0)).toEqual(["withdraw executor-2"]);
  });

  it("waits for figures of after it was to drain, in which it holds nothing", () => {
    const live = executor({ queries: 0, toldMs: 900 });
    const steps = watching(live);
    expect(steps(1_000)).toEqual(["wait executor-2"]);
    live.inFlight = { queries: 3, toldMs: 2_100 };
    expect(steps(2_200)).toEqual(["wait executor-2"]);
    live.inFlight = { queries: 0, toldMs: 2_300 };
    expect(steps(2_400)).toEqual(["remove executor-2"]);
  });

  it("waits no longer than its bound for one that does not become empty, or tells nothing", () => {
    const steps = watching(executor(null));
    expect(steps(0)).toEqual(["wait executor-2"]);
    expect(steps(59_999)).toEqual(["wait executor-2"]);
    expect(steps(60_000)).toEqual(["remove executor-2"]);
  });

  it("does not wait for an executor that is gone", () => {
    expect(watching(null)(0)).toEqual(["remove executor-2"]);
  });
});
