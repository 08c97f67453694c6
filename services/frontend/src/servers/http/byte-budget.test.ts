import { ByteBudget } from "./byte-budget";

describe("ByteBudget", () => {
  it("gives out no more than its bound, and again what came back", () => {
    const budget = new ByteBudget(10);
    expect([budget.take(6), budget.take(5), budget.take(4)]).toEqual([true, false, true]);
    budget.give(6);
    expect([budget.take(7), budget.take(6)]).toEqual([false, true]);
  });
});
