import { Cluster } from "../cluster";
import { type ClusterFuzzReport, fuzzCluster, fuzzedSystem, fuzzedZoo } from "./fuzz-cluster";
import { GrpcFace } from "./grpc-face";

jest.setTimeout(600_000);

const count = 22_000;
const seed = 20_261_126;
/** From a quarter of the run to its end: heaps are still finding their size. */
const growthMaxBytes = 64 * 1024 ** 2;
/** Sockets that the server has not seen closed yet. */
const filesMax = 32;

function mustBeClean(report: ClusterFuzzReport): void {
  expect(report.faults).toEqual([]);
  expect(report.restarted).toEqual([]);
  expect(report.mutated + report.good).toBe(count);
  for (const [name, { growthBytes, filesBefore, filesEnd }] of Object.entries(report.memory)) {
    expect([name, growthBytes < growthMaxBytes, growthBytes]).toEqual([name, true, growthBytes]);
    expect([name, filesEnd - filesBefore < filesMax, filesEnd]).toEqual([name, true, filesEnd]);
  }
}

describe("a system under mutated requests and broken connections", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: fuzzedZoo });
  });
  afterAll(() => cluster.stop());

  it("neither dies, hangs, answers good requests wrongly, calls anything a bug, nor grows", async () => {
    const face = new GrpcFace(await fuzzedSystem(cluster), 8);
    const report = await fuzzCluster(cluster, face, { count, seed, from: 0, inFlight: 64 });
    mustBeClean(report);
    // Faults have to be found, and some requests have to be read all the same, or the mutations are too tame or too wild.
    expect(report.endings.INVALID_ARGUMENT).toBeGreaterThan(count / 10);
    expect(report.endings.OK).toBeGreaterThan(count / 100);
  });
});
