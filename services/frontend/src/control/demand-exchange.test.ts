import { Code } from "@infaas/runtime";
import { type House, inferRequest, refusalOf, startAnother, startHouse, TASK, until } from "../testing/house";

const FAST = ["--metric-period-ms", "100"];

describe("frontends of one cluster", () => {
  let house: House;
  afterEach(() => house.stop());

  it("tell each other what they are asked: queries answered, refused and late", async () => {
    house = await startHouse({ e1: ["mlp@1"] }, undefined, FAST);
    const other = await startAnother(house.metadata, ["--name", "frontend-2", ...FAST]);
    await until(() => house.frontend.view.frontends.length === 2);
    // What a frontend was asked before it was first heard of is not counted.
    await until(() => Number.isFinite(other.frontend.demandTable.ageMs("frontend-1", 0)));
    for (let i = 0; i < 3; i++) await house.inference.modelInfer(inferRequest(TASK, { slo_latency_ms: 500 }));
    house.executors[0]!.behaviour = (_frame, reply) => reply.refuse(Code.RESOURCE_EXHAUSTED, "full");
    await refusalOf(house.inference.modelInfer(inferRequest(TASK, { slo_latency_ms: 500 })));
    const told = () => other.frontend.demandTable.figures()[0];
    await until(() => told()?.attainment === 0.75);
    expect(told()).toMatchObject({
      demandClass: { target: TASK, minAccuracy: null, objective: "min-cost", rowsFrom: 1 },
      latencyMs: 500,
      arrivals: 4,
      offered: 4,
      inTime: 3,
      refusedByReason: { full: 1, late: 0 },
      rowsPerQuery: 1,
    });
    await other.stop();
  });
});
