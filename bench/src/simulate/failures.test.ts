import { Invariants } from "./cluster/invariants";
import { profiledTimes } from "./cluster/service-times";
import { SimulatedCluster } from "./cluster/simulated-cluster";
import { zooVariant } from "./cluster/zoo-variants";
import { failuresOf } from "./failures";
import { HOST } from "./poisson";

jest.setTimeout(120_000);

describe("failuresOf", () => {
  it("holds every invariant while executors, leaders and metadata are lost, and settles", async () => {
    const { faults, failures } = await failuresOf(1, { failingSeconds: 60, settlingSeconds: 75 });
    expect(faults).toEqual([]);
    expect(failures.length).toBeGreaterThan(2);
  });
});

describe("Invariants", () => {
  it("tell of a last ready instance that is taken away while there is demand", async () => {
    const variant = zooVariant("digits-vit");
    const times = profiledTimes([variant], 0, { next: () => 0, hex: () => "" });
    const cluster = await SimulatedCluster.open({
      ...{
        seed: 1,
        policy: "infaas",
        frontends: 1,
        frontendArgs: [],
        variants: [variant],
        times,
        host: HOST,
      },
      ...{ hopMs: 0.2, figuresLost: 0, figuresDelayMs: 0 },
    });
    for (const name of ["executor-1", "executor-2"]) cluster.startExecutor(name);
    await cluster.loadEverywhere();
    const invariants = new Invariants(cluster, 2);
    invariants.hasDemand = true;
    const drop = async (executor: string) => {
      const placements = [{ variant: variant.name, executor, reason: "operator" }];
      const dropping = cluster.connect().cluster.setPlacement({ placements, wanted: false });
      await cluster.clock.advance(1_000);
      await dropping;
    };
    await drop("executor-1");
    expect(invariants.faults).toEqual([]);
    await drop("executor-2");
    expect(invariants.faults).toEqual([
      expect.stringContaining("digits-vit@1 on executor-2 was the last ready instance, and was taken away"),
    ]);
    await invariants.stop();
    await cluster.stop();
  });
});
