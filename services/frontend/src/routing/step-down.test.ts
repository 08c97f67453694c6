import { Code } from "@infaas/runtime";
import { type House, inferRequest, refusalOf, startHouse, TASK } from "../testing/house";

/** Of one task, the more accurate one slower. */
const VARIANTS = [
  { name: "quick@1", accuracy: 0.9, latencyMs: 1 },
  { name: "exact@1", accuracy: 0.98, latencyMs: 20 },
];
const BEST = { objective: "max-accuracy", slo_latency_ms: 5_000 };
const LATE = "the request can't be answered within 5000 ms, it would take 6000.0 ms";

describe("frontend, when an instance has no time for a query", () => {
  let house: House;
  beforeAll(async () => {
    house = await startHouse({ e1: ["quick@1", "exact@1"] }, VARIANTS);
    house.executors[0]!.behaviour = ({ variant }, reply) =>
      variant === "exact@1" ? reply.refuse(Code.DEADLINE_EXCEEDED, LATE) : reply.answer();
  });
  afterAll(() => house.stop());
  beforeEach(() => {
    house.executors[0]!.received.length = 0;
  });
  const asked = () => house.executors[0]!.received.map(({ variant }) => variant);

  it("has a faster variant answer it, and says that it is less accurate", async () => {
    const { parameters, modelName } = await house.inference.modelInfer(inferRequest(TASK, BEST));
    expect(asked()).toEqual(["exact@1", "quick@1"]);
    expect([parameters.variant?.parameterChoice.value, modelName]).toEqual(["quick@1", TASK]);
    expect(parameters.downgraded?.parameterChoice.value).toBe(true);
  });

  it.each([
    ["below the floor", { ...BEST, slo_min_accuracy: 0.95 }],
    ["where that was forbidden", { ...BEST, no_downgrade: true }],
    ["for a bound of the queue, which is to refuse", { ...BEST, timeout: 1_000_000 }],
  ])("refuses it as the instance did %s", async (_, parameters) => {
    const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK, parameters)));
    expect([error.code, error.message]).toEqual([Code.DEADLINE_EXCEEDED, LATE]);
    expect(asked()).toEqual(["exact@1"]);
  });

  it("asks no third one", async () => {
    const { behaviour } = house.executors[0]!;
    house.executors[0]!.behaviour = (_f, reply) => reply.refuse(Code.DEADLINE_EXCEEDED, LATE);
    const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK, BEST)));
    house.executors[0]!.behaviour = behaviour;
    expect(error.code).toBe(Code.DEADLINE_EXCEEDED);
    expect(asked()).toEqual(["exact@1", "quick@1"]);
  });
});
