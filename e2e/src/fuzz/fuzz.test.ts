import { Cluster } from "../cluster";
import { fuzzCluster } from "./fuzz-cluster";

jest.setTimeout(600_000);

const mutated = 20_000;
const seed = 20_261_126;
/** Memory may still grow by what a collector has not come round to. */
const growthMaxBytes = 128 * 1024 ** 2;

describe("a system under mutated requests and broken connections", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "digits-mlp-s" });
  });
  afterAll(() => cluster.stop());

  it("neither dies, hangs, answers good requests wrongly, calls anything a bug, nor grows", async () => {
    const report = await fuzzCluster(cluster, { mutated, seed });
    expect(report.bugs).toEqual([]);
    expect(report.wrongAnswers).toEqual([]);
    expect(report.restarted).toEqual([]);
    expect(report.mutated).toBeGreaterThanOrEqual(mutated);
    expect(report.good).toBeGreaterThan(mutated / 11 - 100);
    // Faults have to be found, and some requests have to be read all the same, or the mutations are too tame or too wild.
    expect(report.codes.INVALID_ARGUMENT).toBeGreaterThan(mutated / 10);
    expect(report.codes.OK).toBeGreaterThan(mutated / 100);
    for (const [name, bytes] of Object.entries(report.endBytes))
      expect(
        `${name} grew by ${bytes - report.warmBytes[name]! > growthMaxBytes ? "too much" : "little"}`,
      ).toBe(`${name} grew by little`);
  });
});
