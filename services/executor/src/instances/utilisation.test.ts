import { VirtualClock } from "@infaas/runtime";
import { Utilisation } from "./utilisation";

function setUp(cores: number) {
  const clock = new VirtualClock();
  let busyUs = 0;
  const utilisation = new Utilisation(clock, cores, () => busyUs);
  const pass = async (ms: number, busyShare: number) => {
    busyUs += ms * 1_000 * busyShare;
    await clock.advance(ms);
    return utilisation.value();
  };
  return { utilisation, pass };
}

describe("Utilisation", () => {
  it("comes near to the share of the cores that is busy", async () => {
    const { pass } = setUp(2);
    let value = 0;
    for (let i = 0; i < 8; i += 1) value = await pass(250, 1);
    expect(value).toBeCloseTo(0.5, 1);
  });

  it("never exceeds 1, however many cores the process really uses", async () => {
    const { pass } = setUp(1);
    for (let i = 0; i < 8; i += 1) expect(await pass(250, 4)).toBeLessThanOrEqual(1);
  });

  it("falls when the process rests", async () => {
    const { pass } = setUp(1);
    const before = await pass(250, 1);
    expect(await pass(250, 0)).toBeLessThan(before);
  });

  it("repeats itself when asked again too soon", async () => {
    const { utilisation, pass } = setUp(1);
    const value = await pass(250, 1);
    await pass(100, 0);
    expect(utilisation.value()).toBe(value);
  });
});
