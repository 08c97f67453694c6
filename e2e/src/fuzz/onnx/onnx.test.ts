import type { Cluster } from "../../cluster";
import { fuzzCluster, fuzzedSystem, startFuzzedCluster } from "../fuzz-cluster";
import { OnnxFace, onnxInFlight, onnxLimits } from "./onnx-face";

jest.setTimeout(300_000);

const seed = 20_261_130;
/** The short form; `npm run fuzz-onnx -- 20000` is a long one. */
const count = 14;

describe("a system that mutated ONNX files and packages are registered at", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startFuzzedCluster(onnxLimits);
  });
  afterAll(() => cluster?.stop());

  it("refuses or takes each, answers good queries rightly, and loses no process but those that profile", async () => {
    const face = new OnnxFace(await fuzzedSystem(cluster));
    const report = await fuzzCluster(cluster, face, { count, seed, from: 0, inFlight: onnxInFlight });
    expect(report.faults).toEqual([]);
    expect(report.restarted).toEqual([]);
    expect(report.mutated + report.good).toBe(count);
    expect(report.endings.INVALID_ARGUMENT).toBeGreaterThan(count / 10);
  });
});
