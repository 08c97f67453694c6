import { Cluster } from "./cluster";
import { installPerfAnalyzer, perfAnalyzer, perfAnalyzerMissing, perfModes } from "./perf-analyzer";

const task = "digit-classification/uci-digits";
/** A few windows of half a second, stable or not: the test asks whether it works, not how fast. */
const briefly = [
  "--measurement-interval",
  "500",
  "--stability-percentage",
  "999",
  "--concurrency-range",
  "4",
];
const slo = ["--request-parameter", "slo_latency_ms:60000:int"];

/** One cluster, and every way of calling it that the stock tool has. */
function measures(): void {
  let cluster: Cluster;

  beforeAll(async () => {
    await installPerfAnalyzer();
    cluster = await Cluster.start({ zoo: "digits-logreg" });
  }, 480_000);
  afterAll(async () => {
    await cluster.stop();
  });

  it.each(Object.entries(perfModes))(
    "measures a task by %s, and breaks its time down by the server's statistics",
    async (_name, words) => {
      const asked = ["-m", task, "-i", "grpc", "-u", cluster.address, ...briefly, ...slo, ...words];
      const { status, output } = await perfAnalyzer(asked);
      expect({ status, output }).toMatchObject({ status: 0, output: expect.stringContaining("infer/sec") });
      expect(output).toMatch(
        /Server:\s+Inference count: \d+\s+Execution count: \d+\s+Successful request count: \d+/,
      );
      expect(output).not.toContain("Failed");
    },
    150_000,
  );

  it("leaves no shared memory registered", async () => {
    const again = await perfAnalyzer([
      "-m",
      task,
      "-i",
      "grpc",
      "-u",
      cluster.address,
      ...briefly,
      "--shared-memory",
      "system",
    ]);
    expect(again.status).toBe(0);
  }, 150_000);
}

describe("perf_analyzer, as PyPI has it", () => {
  const missing = perfAnalyzerMissing();
  if (missing === null) measures();
  else it(`is SKIPPED here: ${missing}`, () => expect(missing).not.toBe(""));
});
