import { CatalogService, InferenceService, InstancePhase } from "@infaas/api";
import { Code, createRpcClient, retryDelayMs } from "@infaas/runtime";
import {
  type House,
  inferRequest,
  parametersOf,
  putExecutor,
  putInstances,
  refusalOf,
  startHouse,
  TASK,
  until,
} from "../testing/house";
import { ScriptedExecutor } from "../testing/scripted-executor";

jest.setTimeout(30_000);

describe("frontend, when instances are missing", () => {
  let house: House;
  afterEach(() => house.stop());

  describe("when nothing is loaded", () => {
    beforeEach(async () => {
      house = await startHouse({ e1: [] });
    });

    it("wants the instance once for all who wait, and answers when it is ready", async () => {
      const calls = Array.from({ length: 8 }, () => house.inference.modelInfer(inferRequest(TASK)));
      await until(() => house.metadata.placements.length > 0);
      putInstances(house.metadata, "e1", ["mlp@1"]);
      const responses = await Promise.all(calls);
      expect(house.metadata.placements).toHaveLength(1);
      expect(house.metadata.placements[0]).toMatchObject({
        executor: "e1",
        variant: "mlp@1",
        reason: "query",
      });
      expect(responses.map((r) => parametersOf(r).cold)).toEqual(responses.map(() => true));
    });

    it("tells what it waited for, phase by phase, and what was expected the next time", async () => {
      const load = { fetchMs: 1, processMs: 0, openMs: 2, probeMs: 1 };
      const instances = [
        { variant: "mlp@1", executor: "e1", phase: InstancePhase.READY, loadMs: 4, loadPhases: load },
      ];
      const typed = createRpcClient(InferenceService, house.frontend.address);
      const cold = async () => {
        const { rawInputContents } = inferRequest(TASK);
        const inputs = [{ name: "pixels", datatype: "FP32", shape: [1n, 4n] }];
        const call = typed.query({ target: TASK, inputs, rawInputContents });
        await until(() => house.metadata.loadRequests.length > 0);
        house.metadata.put("report/e1", { case: "report", value: { executor: "e1", instances } });
        return (await call).receipt!;
      };
      const first = await cold();
      expect(first.coldPhases.map((p) => p.phase)).toEqual([
        "decide",
        "records",
        "fetch",
        "open",
        "probe",
        "first-run",
      ]);
      expect(first.coldPhases.reduce((sum, p) => sum + p.ms, 0)).toBeCloseTo(first.totalMs, 6);
      expect(first.coldPhases[3]).toMatchObject({ phase: "open", ms: 2 });
      expect(first.coldPhases[3]?.expectedMs).toBeUndefined();
      putInstances(house.metadata, "e1", []);
      await until(
        () => house.frontend.view.instances.length === 0 && house.metadata.loadRequests.length === 0,
      );
      const second = await cold();
      expect(second.coldPhases.find((p) => p.phase === "open")).toMatchObject({ ms: 2, expectedMs: 2 });
      typed.close();
    });

    it("refuses when the load fails, with the reason", async () => {
      const call = refusalOf(house.inference.modelInfer(inferRequest(TASK)));
      await until(() => house.metadata.placements.length > 0);
      putInstances(house.metadata, "e1", ["mlp@1"], InstancePhase.FAILED, "golden answer is off by 1");
      const error = await call;
      expect([error.code, error.message]).toEqual([
        Code.UNAVAILABLE,
        "mlp@1 failed to load on e1: golden answer is off by 1",
      ]);
    });

    it("starts the load but does not wait when the objective is shorter than it", async () => {
      const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK, { slo_latency_ms: 20 })));
      expect(error.code).toBe(Code.RESOURCE_EXHAUSTED);
      expect(retryDelayMs(error)).toBeGreaterThan(0);
      await until(() => house.metadata.placements.length === 1);
    });

    it("waits no longer than the deadline of the call", async () => {
      const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK), { timeoutMs: 300 }));
      expect(error.code).toBe(Code.DEADLINE_EXCEEDED);
    });
  });

  describe("when the executor that loads is taken out of service", () => {
    it("waits for another that loads, and answers", async () => {
      house = await startHouse({ e1: [], e2: [] });
      const call = house.inference.modelInfer(inferRequest(TASK));
      await until(() => house.metadata.placements.length === 1);
      const { executor: first } = house.metadata.placements[0]!;
      const other = first === "e1" ? "e2" : "e1";
      const catalog = createRpcClient(CatalogService, house.frontend.address);
      await catalog.drainExecutor({ executor: first });
      catalog.close();
      await until(() => house.metadata.placements.some((p) => p.executor === other));
      putInstances(house.metadata, other, ["mlp@1"]);
      expect(parametersOf(await call).executor).toBe(other);
    });
  });

  describe("when there is no executor", () => {
    it("refuses with UNAVAILABLE and answers once one has joined", async () => {
      house = await startHouse({});
      const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK)));
      expect(error.code).toBe(Code.UNAVAILABLE);
      const executor = new ScriptedExecutor("late");
      await executor.start();
      putExecutor(house.metadata, executor);
      putInstances(house.metadata, "late", ["mlp@1"]);
      await until(() => house.frontend.view.instances.length === 1);
      const response = await house.inference.modelInfer(inferRequest(TASK));
      await executor.stop();
      expect(parametersOf(response).executor).toBe("late");
    });
  });
});
