import { DynamicShares } from "./dynamic-shares";

/** Takes in turns until nobody may take any more; returns what each has. */
function fill(shares: DynamicShares, who: readonly string[], taken = 0): readonly number[] {
  let total = taken;
  for (let before = -1; before !== total; ) {
    before = total;
    for (const one of who) {
      if (!shares.mayTake(one, total)) continue;
      shares.take(one);
      total += 1;
    }
  }
  return who.map((one) => shares.of(one));
}

describe("DynamicShares", () => {
  it("leaves as much free as each of those has that take all they may", () => {
    expect(fill(new DynamicShares(1_200), ["a"])).toEqual([600]);
    expect(fill(new DynamicShares(1_200), ["a", "b"])).toEqual([400, 400]);
    expect(fill(new DynamicShares(1_200), ["a", "b", "c"])).toEqual([300, 300, 300]);
  });

  it("has room at once for one that comes when another took all it may", () => {
    const shares = new DynamicShares(1_200);
    fill(shares, ["storm"]);
    expect(shares.mayTake("storm", 600)).toBe(false);
    expect(shares.mayTake("calm", 600)).toBe(true);
    expect(fill(shares, ["calm"], 600)).toEqual([300]);
  });

  it("never gives out more than there is, whoever asks", () => {
    const shares = new DynamicShares(10);
    const who = Array.from({ length: 100 }, (_, i) => `t${i}`);
    expect(fill(shares, who).reduce((sum, held) => sum + held, 0)).toBeLessThanOrEqual(10);
    expect(shares.mayTake("late", 10)).toBe(false);
  });

  it("lets those take again that gave back", () => {
    const shares = new DynamicShares(2);
    shares.take("a");
    expect(shares.mayTake("a", 1)).toBe(false);
    shares.give("a");
    expect(shares.of("a")).toBe(0);
    expect(shares.mayTake("a", 0)).toBe(true);
  });
});
