import { variantFromWire } from "@infaas/api";
import { VirtualClock } from "@infaas/runtime";
import { wireVariant } from "../testing/house";
import { LiveExecutor, LiveInstance } from "./live-instance";

/** An instance that answers 1,000 rows a second at most. */
function instance(isRationed: boolean) {
  const converted = variantFromWire(wireVariant({ name: "mlp@1", latencyMs: 1 }));
  if (!converted.ok) throw new Error("the fixture is wrong");
  return new LiveInstance(converted.value, "e1", "e1", 1e6, isRationed);
}

describe("LiveInstance.reported", () => {
  it("takes over what the executor predicts", () => {
    const live = instance(false);
    for (let i = 0; i < 10; i++) live.sent(40, 0);
    live.reported(25, 1);
    expect(live.drainMs).toBe(25);
  });

  it("lets a host under a quota be no faster than at saturation throughput", () => {
    const live = instance(true);
    for (let i = 0; i < 10; i++) live.sent(40, 0);
    live.reported(25, 1);
    expect(live.drainMs).toBe(400);
    live.reported(900, 2);
    expect(live.drainMs).toBe(900);
    for (let i = 0; i < 10; i++) live.settled(40);
    live.reported(0, 3);
    expect(live.drainMs).toBe(0);
  });
});

describe("LiveInstance.hopLeastMs", () => {
  const window = {
    variant: "mlp@1",
    executor: "e1",
    servedTotal: null,
    refusedTotal: null,
    latencyP95Ms: null,
    batchSize: null,
  };

  it("is the least of the last minutes, whatever hops take at this moment", () => {
    const live = instance(false);
    live.hopMeasured(2);
    for (let i = 0; i < 50; i++) live.hopMeasured(800);
    expect(live.hopMs).toBeGreaterThan(700);
    expect(live.hopLeastMs).toBe(2);
  });

  it("rises when hops have taken longer for two minutes", () => {
    const live = instance(false);
    live.hopMeasured(2);
    for (let minute = 1; minute <= 2; minute++) {
      for (let i = 0; i < 50; i++) live.hopMeasured(800);
      live.exported({ ...window, drainMs: 0 }, minute * 60_000);
    }
    expect(live.hopLeastMs).toBeGreaterThan(700);
  });
});

describe("LiveInstance.state", () => {
  /** A window of one second with these totals at its end. */
  const told = (live: LiveInstance, second: number, servedTotal: number, refusedTotal: number) =>
    live.exported(
      {
        variant: "mlp@1",
        executor: "e1",
        servedTotal,
        refusedTotal,
        drainMs: null,
        latencyP95Ms: 1,
        batchSize: 1,
      },
      second * 1_000,
    );

  it("is overloaded by what came, also where most of it was refused", () => {
    const live = instance(false);
    told(live, 1, 0, 0);
    told(live, 2, 600, 100);
    expect(live.state).toBe("active");
    told(live, 3, 1_200, 500);
    expect(live.state).toBe("overloaded");
    told(live, 4, 1_800, 500);
    expect(live.state).toBe("active");
  });

  it("is overloaded while its queue takes longer than the objective of who asks", () => {
    const live = instance(false);
    told(live, 1, 0, 0);
    live.sent(1, 1_900, 50);
    live.reported(200, 1_990);
    told(live, 2, 100, 0);
    expect(live.state).toBe("overloaded");
    live.reported(20, 2_990);
    told(live, 3, 200, 0);
    expect(live.state).toBe("active");
  });
});

describe("LiveExecutor.isUnheard", () => {
  it("is true from the age on at which figures say nothing, until it tells some again", async () => {
    const clock = new VirtualClock();
    const isOld = (toldMs: number) => clock.nowMs() - toldMs > 3_000;
    const member = {
      ...{ name: "e1", address: "127.0.0.1:1", linkAddress: "", incarnation: "", hostType: "local-cpu" },
      ...{ deviceKinds: ["cpu" as const], cores: 1, cpuCores: 1, memoryBytes: 1e9, pricePerHourUsd: 0.1 },
    };
    const live = new LiveExecutor(member, 0, isOld);
    expect(live.isUnheard).toBe(false);
    await clock.advance(3_001);
    expect(live.isUnheard).toBe(true);
    live.reported({ executorUtilisation: 0.5, memoryFreeBytes: 1 }, clock.nowMs());
    expect(live.isUnheard).toBe(false);
  });
});
