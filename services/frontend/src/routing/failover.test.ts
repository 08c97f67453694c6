import { CatalogService } from "@infaas/api";
import { Code, createRpcClient, retryDelayMs, systemClock } from "@infaas/runtime";
import { type House, inferRequest, refusalOf, startHouse, TASK, until } from "../testing/house";

jest.setTimeout(30_000);

describe("frontend, when executors fail", () => {
  let house: House;
  afterEach(() => house.stop());

  describe("when two executors hold the variant", () => {
    beforeEach(async () => {
      house = await startHouse({ e1: ["mlp@1"], e2: ["mlp@1"] });
    });

    it("sends a query once more, elsewhere, when an executor is unavailable", async () => {
      for (const executor of house.executors) {
        executor.behaviour = (_f, reply) =>
          house.executors.reduce((n, e) => n + e.received.length, 0) === 1
            ? reply.refuse(Code.UNAVAILABLE, "draining")
            : reply.answer();
      }
      const response = await house.inference.modelInfer(inferRequest(TASK));
      expect(house.executors.map((e) => e.received.length)).toEqual([1, 1]);
      expect(response.outputs).toHaveLength(1);
    });

    it("tells a query whose time is up as late, although it was turned away", async () => {
      house.executors[0]!.behaviour = (_f, reply) =>
        systemClock.setTimer(60, () => reply.refuse(Code.UNAVAILABLE, "e1 is draining"));
      const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK, { slo_latency_ms: 50 })));
      expect(error.code).toBe(Code.DEADLINE_EXCEEDED);
    });

    it("answers on a link that stands although the member of it is gone", async () => {
      let answer: () => void = () => undefined;
      house.executors[0]!.behaviour = (_f, reply) => {
        answer = reply.answer;
      };
      const call = house.inference.modelInfer(inferRequest(TASK));
      await until(() => house.executors[0]!.received.length === 1);
      house.metadata.delete("member/e1");
      await until(() => !house.frontend.view.executors.has("e1"));
      answer();
      const response = await call;
      expect(response.parameters.executor?.parameterChoice.value).toBe("e1");
      expect(house.executors[1]!.received).toEqual([]);
      await until(() => house.executors[0]!.openLinks === 0);
    });

    it("runs a query elsewhere when a member that is gone does not answer it", async () => {
      house.executors[0]!.behaviour = () => undefined;
      const call = house.inference.modelInfer(inferRequest(TASK));
      await until(() => house.executors[0]!.received.length === 1);
      house.metadata.delete("member/e1");
      const response = await call;
      expect(response.parameters.executor?.parameterChoice.value).toBe("e2");
    });

    it("gives up after the second UNAVAILABLE", async () => {
      for (const executor of house.executors) {
        executor.behaviour = (_f, reply) => reply.refuse(Code.UNAVAILABLE, `${executor.name} is draining`);
      }
      const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK)));
      expect(error.code).toBe(Code.UNAVAILABLE);
      expect(house.executors.map((e) => e.received.length)).toEqual([1, 1]);
    });

    it("lets queries fail over when an executor dies under load; none hangs", async () => {
      const [dying, other] = house.executors;
      dying!.behaviour = () => undefined;
      const calls = Array.from({ length: 64 }, () => house.inference.modelInfer(inferRequest(TASK)));
      await until(() => dying!.received.length > 0 || other!.received.length === 64);
      await dying!.stop();
      const responses = await Promise.all(calls);
      expect(responses.every((r) => r.parameters.executor?.parameterChoice.value === "e2")).toBe(true);
      expect(other!.received.length).toBe(64);
    });

    it("sends nothing more to an executor that announced draining", async () => {
      house.executors[0]!.announceDraining();
      await until(() => house.frontend.view.executors.get("e1")?.accepting === false);
      for (let i = 0; i < 8; i++) await house.inference.modelInfer(inferRequest(TASK));
      expect(house.executors.map((e) => e.received.length)).toEqual([0, 8]);
    });

    it("drains an executor for an operator", async () => {
      const catalog = createRpcClient(CatalogService, house.frontend.address);
      await catalog.drainExecutor({ executor: "e1" });
      await until(() => house.frontend.view.executors.get("e1")?.accepting === false);
      const unknown = await refusalOf(catalog.drainExecutor({ executor: "e9" }));
      catalog.close();
      expect([unknown.code, unknown.message]).toEqual([
        Code.NOT_FOUND,
        "executor 'e9' is not known; known: e1, e2",
      ]);
    });
  });

  describe("when the only executor that holds the variant drains", () => {
    it("refuses as the other does, which cannot load it in time, and says how it was turned away", async () => {
      house = await startHouse({ e1: ["mlp@1"], e2: [] }, [{ name: "mlp@1", loadMs: 20_000 }]);
      house.executors[0]!.behaviour = (_f, reply) => reply.refuse(Code.UNAVAILABLE, "e1 is draining");
      const error = await refusalOf(
        house.inference.modelInfer(inferRequest(TASK, { slo_latency_ms: 9_000 })),
      );
      expect(error.code).toBe(Code.RESOURCE_EXHAUSTED);
      expect(error.message).toMatch(/^e1 is draining; '.*' is not loaded and loading mlp@1 takes longer/);
      expect(retryDelayMs(error)).toBeGreaterThan(0);
    });
  });

  describe("when the executor that held everything is gone for good", () => {
    it("places it anew on another", async () => {
      house = await startHouse({ e1: ["mlp@1"], e2: [] });
      house.metadata.place("e1", "mlp@1");
      await until(() => house.frontend.view.leader !== "");
      house.metadata.delete("member/e1");
      house.metadata.delete("report/e1");
      await until(() => house.metadata.placements.length > 0);
      expect(house.metadata.placements[0]).toMatchObject({
        executor: "e2",
        variant: "mlp@1",
        reason: "registration",
      });
    }, 20_000);
  });
});
