import { create } from "@bufbuild/protobuf";
import { Objective, OfferSchema } from "@infaas/api/messages";
import { noNeeds, positionOf, relaxed, STEPS, sloOf, valueAt } from "./needs";

const offer = create(OfferSchema, {
  relax: "accuracy",
  variant: "v",
  latencyMs: 2,
  accuracy: 0.9,
  costUsd: 1e-6,
});

it("asks for nothing that is off", () => {
  expect(sloOf(noNeeds)).toEqual({ objective: Objective.MIN_COST });
  expect(sloOf({ ...noNeeds, latencyMs: 5 })).toEqual({ objective: Objective.MIN_COST, latencyMs: 5 });
});

it("gives way where an offer does, and nowhere else", () => {
  const asked = { ...noNeeds, accuracy: 1, latencyMs: 1, costUsd: 1e-9 };
  expect(relaxed(asked, offer)).toEqual({ ...asked, accuracy: 0.9 });
  expect(relaxed(asked, { ...offer, relax: "latency" })).toEqual({ ...asked, latencyMs: 3 });
  expect(relaxed(asked, { ...offer, relax: "cost" })).toEqual({ ...asked, costUsd: 1e-6 });
});

it("places values on a slider by their order of magnitude", () => {
  expect(positionOf(1, 0.1, 10)).toBe(STEPS / 2);
  expect(valueAt(STEPS / 2, 0.1, 10)).toBeCloseTo(1);
  expect(positionOf(1000, 0.1, 10)).toBe(STEPS);
});
