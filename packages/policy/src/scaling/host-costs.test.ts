import fc from "fast-check";
import { hostCosts, type PaidHost } from "./host-costs";

const host = (over: Partial<PaidHost> = {}): PaidHost => ({
  name: "executor-1",
  pricePerHourUsd: 0.4,
  utilisation: 0.25,
  state: "up",
  ...over,
});
const plan = { minHosts: 1, wantedHosts: 2, holdMs: 10_000 };

describe("hostCosts", () => {
  it("are what is paid, used and idle", () => {
    expect(hostCosts([host()], plan)).toMatchObject([
      { paidUsd: 0.4, usedUsd: 0.1, idleUsd: expect.closeTo(0.3) },
    ]);
  });

  it("always add up to what is paid", () => {
    const states = fc.constantFrom<PaidHost["state"]>("fixed", "starting", "up", "draining");
    const utilisation = fc.option(fc.double({ min: -1, max: 2, noNaN: true }));
    fc.assert(
      fc.property(fc.double({ min: 0, max: 50, noNaN: true }), utilisation, states, (price, busy, state) => {
        const [cost] = hostCosts([host({ pricePerHourUsd: price, utilisation: busy, state })], plan);
        expect(cost!.usedUsd).toBeGreaterThanOrEqual(0);
        expect(cost!.idleUsd).toBeGreaterThanOrEqual(0);
        expect(cost!.usedUsd + cost!.idleUsd).toBeCloseTo(price, 9);
      }),
    );
  });

  it.each<[string, Partial<PaidHost>, number, typeof plan | null]>([
    ["it does not come and go", { state: "fixed" }, 1, null],
    ["it is being started", { state: "starting" }, 1, plan],
    ["it drains", { state: "draining" }, 1, plan],
    ["it told nothing lately, and counts as busy", { utilisation: null }, 1, plan],
    ["the frontend that leads knows", {}, 1, null],
    ["demand wants 2, with a reserve for chance", {}, 2, plan],
    ["at least 1 is kept", {}, 1, { ...plan, wantedHosts: 1 }],
    ["1 would be enough: one goes once that was so for 10 s", {}, 2, { ...plan, wantedHosts: 1 }],
  ])("idle because %s", (because, over, count, of) => {
    const hosts = Array.from({ length: count }, (_, i) => host({ name: `executor-${i}`, ...over }));
    expect(hostCosts(hosts, of)[0]?.because).toBe(because);
  });
});
