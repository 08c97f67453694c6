import { CatalogService, HostState, InferenceService, MemberKind } from "@infaas/api";
import { Code, createRpcClient } from "@infaas/runtime";
import {
  type House,
  inferenceOf,
  inferRequest,
  parametersOf,
  putExecutor,
  putInstances,
  refusalOf,
  startAnother,
  startHouse,
  TASK,
  until,
} from "../testing/house";
import { ScriptedExecutor } from "../testing/scripted-executor";

jest.setTimeout(60_000);

const { REQUESTED, UP, GONE } = HostState;
const FAST = ["--metric-period-ms", "100", "--scale-in-hold-ms", "1000"];
const HOST = "executor-1";

describe("frontend, when there is no host", () => {
  let house: House;
  let executor: ScriptedExecutor;
  beforeEach(async () => {
    // One host answers as many in a moment as come here.
    house = await startHouse({}, [{ name: "mlp@1", latencyMs: 0.05 }], FAST);
    const pool = {
      hostType: "local-cpu",
      cores: 8,
      memoryBytes: 32_000_000_000n,
      pricePerHourUsd: 0.384,
      minHosts: 0,
      maxHosts: 3,
    };
    const value = { name: "local-hosts", kind: MemberKind.HOST_PROVIDER, pool };
    house.metadata.put("member/local-hosts", { case: "member", value });
    await until(() => house.frontend.view.hostProvider !== null && house.frontend.view.leader !== "");
    executor = new ScriptedExecutor(HOST);
  });
  afterEach(async () => {
    await house.stop();
    await executor.stop();
  });

  const putHost = (state: HostState, fault = "") => {
    const value = { name: HOST, provider: "local-hosts", state, reason: "test", fault };
    house.metadata.put(`host/${HOST}`, { case: "host", value });
  };
  const isAsked = () => house.metadata.host(HOST)?.state === REQUESTED;
  /** Starts the host as its provider would, and has its executor load what it is to hold. */
  const comeUp = async () => {
    await executor.start();
    putHost(UP);
    putExecutor(house.metadata, executor);
  };
  const load = async () => {
    await until(() => house.metadata.placements.length > 0);
    putInstances(house.metadata, HOST, ["mlp@1"]);
  };

  it("has 500 queries of two frontends wait for one host and one load, and answers all", async () => {
    const other = await startAnother(house.metadata, ["--name", "frontend-2", ...FAST]);
    await until(() => other.frontend.view.hostProvider !== null);
    const inference = inferenceOf(other.frontend.address);
    const calls = [house.inference, inference].flatMap((client) =>
      Array.from({ length: 250 }, () => client.modelInfer(inferRequest(TASK))),
    );
    await until(isAsked);
    expect(house.metadata.host(HOST)?.reason).toMatch(/a load is waited for|demand keeps/);
    await comeUp();
    await load();
    const answers = await Promise.all(calls);
    expect(new Set(answers.map((answer) => parametersOf(answer).cold))).toEqual(new Set([true]));
    // For the queries, or for a plan that was made meanwhile.
    expect(house.metadata.placements.map((p) => `${p.executor} ${p.variant}`)).toEqual([`${HOST} mlp@1`]);
    expect(house.frontend.view.hosts.map(({ name }) => name)).toEqual([HOST]);
    inference.close();
    await other.stop();
  });

  it("tells how long the host took, in phases that are all of the time", async () => {
    const typed = createRpcClient(InferenceService, house.frontend.address);
    const { rawInputContents } = inferRequest(TASK);
    const inputs = [{ name: "pixels", datatype: "FP32", shape: [1n, 4n] }];
    const call = typed.query({ target: TASK, inputs, rawInputContents });
    await until(isAsked);
    await comeUp();
    await load();
    const { receipt } = await call;
    const phases = receipt?.coldPhases ?? [];
    expect(phases.map(({ phase }) => phase)).toEqual(["decide", "host", "records", "first-run"]);
    expect(phases.reduce((sum, { ms }) => sum + ms, 0)).toBeCloseTo(receipt?.totalMs ?? 0, 6);
    typed.close();
  });

  it("refuses a query whose objective is shorter than a start, with a time, and starts the host for the next one", async () => {
    const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK, { slo_latency_ms: 50 })));
    expect(error.code).toBe(Code.RESOURCE_EXHAUSTED);
    expect(error.message).toMatch(/try again in \d+ ms/);
    await until(isAsked);
  });

  it("refuses at once while a host could not be started", async () => {
    putHost(GONE, "it ended with status 1");
    await until(() => house.frontend.view.hosts.length === 1);
    const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK)));
    expect(error.code).toBe(Code.UNAVAILABLE);
  });

  it("has a registration wait for a host, and keeps it as long as the model is profiled", async () => {
    const catalog = createRpcClient(CatalogService, house.frontend.address);
    const request = { name: "cnn", task: TASK, modelDigest: "sha256:cd" };
    const ended = (async () => {
      for await (const _ of catalog.registerModel(request))
        expect(house.metadata.loadRequests).toHaveLength(1);
    })();
    await until(isAsked);
    await comeUp();
    // The scripted executor profiles nothing: what matters is that it was asked.
    await expect(ended).rejects.toThrow();
    await until(() => house.metadata.loadRequests.length === 0);
    catalog.close();
  });
});
