import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRPCInferenceService } from "@infaas/api";
import { Code, createRpcClient } from "@infaas/runtime";
import { Cluster, eventually } from "../cluster";
import { bystanderModel, type Seen } from "./bystander";
import { Bystanders, bystanderFile, percentileMs } from "./bystanders";
import { announce, divide, type End, grow, loop, pair, registerCulprits } from "./culprits";
import { operatorModels } from "./hostile-operators";
import { type OperatorReport, runOperators } from "./operator-run";

/** Queries of each bystander without a culprit, and after the culprit has ended. */
const queriesQuiet = 50;
const queriesAfter = 25;
const mebi = 1024 * 1024;

describe("a cluster with two executors, one caller of which does harm", () => {
  let cluster: Cluster;
  let bystanders: Bystanders;
  let folder = "";
  let quiet: readonly Seen[] = [];
  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "none", args: ["--executors", "2"] });
    folder = await mkdtemp(join(tmpdir(), "poison-"));
    const path = join(folder, `${bystanderModel}.onnx`);
    await writeFile(path, bystanderFile);
    await cluster.client.register({ path, name: bystanderModel });
    await registerCulprits(cluster, folder);
    bystanders = new Bystanders(cluster);
    const nothing = () => Promise.resolve();
    await bystanders.watch(nothing, queriesQuiet);
    quiet = (await bystanders.watch(nothing, queriesQuiet)).seen;
  }, 300_000);
  afterAll(async () => {
    bystanders?.close();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Nobody but the culprit notices: resolves with how its query ended. */
  async function harm<T>(act: () => Promise<T>): Promise<T> {
    const pids = ["executor-1", "executor-2", "frontend", "metadata"].map((name) => cluster.pidOf(name));
    const { seen, result } = await bystanders.watch(act, queriesAfter);
    for (const { kind, answered, failures, wrong } of seen) {
      expect({ kind, failures, wrong }).toEqual({ kind, failures: [], wrong: 0 });
      expect(answered).toBeGreaterThan(0);
    }
    expect(["executor-1", "executor-2", "frontend", "metadata"].map((name) => cluster.pidOf(name))).toEqual(
      pids,
    );
    process.stdout.write(`${figures(seen, quiet)}\n`);
    return result;
  }

  it("holds nothing for 16 calls that announce 64 MiB and send five bytes each", async () => {
    const close = await harm(() => announce(cluster, 16, 64 * mebi));
    close();
  }, 60_000);

  it("refuses a query that traps its process with how that ended, once, and divides on", async () => {
    const end = await harm(() => divide(cluster));
    expect(end).toMatchObject({
      code: Code.INTERNAL,
      message: expect.stringContaining("the engine process that ran the query ended with SIGFPE"),
    });
    await eventually("it divides on, in a process of its own", 30_000, async () => {
      return (await divide(cluster, 42n, 6n)) === null;
    });
  }, 60_000);

  it("ends a loop of 10^12 turns at its deadline, answers others of its model, and unloads it", async () => {
    const ends: End[] = await harm(() => Promise.all([1, 2, 3].map(() => loop(cluster, 10n ** 12n, 1_500))));
    for (const end of ends) expect(end?.code).toBe(Code.DEADLINE_EXCEEDED);
    expect(await loop(cluster, 10n, 20_000)).toBeNull();
    expect(await loop(cluster, 10n ** 12n, 1_500)).toMatchObject({ code: Code.DEADLINE_EXCEEDED });
    const models = createRpcClient(GRPCInferenceService, cluster.address);
    await models.repositoryModelUnload({ modelName: "steps" }, { timeoutMs: 20_000 });
    models.close();
  }, 90_000);

  it("refuses an answer of 66 MiB that 20 bytes ask for with its size and what is allowed", async () => {
    const end = await harm(() => grow(cluster, 66, mebi / 4));
    expect(end).toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      message: expect.stringMatching(/answer of 692060\d\d bytes, allowed are \d+/),
    });
    expect(await grow(cluster, 2, 2)).toBeNull();
  }, 60_000);

  it("refuses a size whose memory grows by its square with both numbers, and takes what the owner allows", async () => {
    const models = createRpcClient(GRPCInferenceService, cluster.address);
    const limitTo = (length: number) => {
      const limits = { "axis_limit.length": { string_value: String(length) } };
      const config = JSON.stringify({ parameters: limits });
      return models.repositoryModelLoad({
        modelName: "pairs",
        parameters: { config: { parameterChoice: { case: "stringParam", value: config } } },
      });
    };
    try {
      // 8 MiB that would become 16 TiB.
      const end = await harm(() => pair(cluster, 2 * mebi));
      expect(end).toMatchObject({
        code: Code.INVALID_ARGUMENT,
        message: expect.stringMatching(
          /length has size 2097152, at most \d+ is taken: it was measured with \d+/,
        ),
      });
      await limitTo(100);
      const why = "length has size 101, at most 100 is taken: as its owner says";
      expect(await pair(cluster, 101)).toMatchObject({ message: expect.stringContaining(why) });
      await limitTo(101);
      expect(await pair(cluster, 101)).toBeNull();
    } finally {
      models.close();
    }
  }, 60_000);

  it("answers or refuses hostile values of operators that turn them into sizes, divisors and loops", async () => {
    const reports: OperatorReport[] = [];
    const models = operatorModels.filter(({ name }) => /^(mod|expand|range|stft)-/.test(name)).slice(0, 4);
    const onReport = (report: OperatorReport) => reports.push(report);
    const plan = { models, requests: 8, seed: 1, atOnce: 2, onReport };
    await harm(() => runOperators(cluster, folder, plan));
    expect(reports.map(({ refused }) => refused)).toEqual(models.map(() => null));
  }, 180_000);
});

/** 99th percentile and longest wait of each kind, with and without the culprit. */
function figures(seen: readonly Seen[], quiet: readonly Seen[]): string {
  return seen
    .map((now, i) => {
      const before = quiet[i] ?? now;
      const [p99, quietP99, longest] = [
        percentileMs(now, 0.99),
        percentileMs(before, 0.99),
        percentileMs(now, 1),
      ];
      return `${now.kind}: ${now.answered} answered, p99 ${p99.toFixed(1)} ms (quiet ${quietP99.toFixed(1)}), longest ${longest.toFixed(0)} ms`;
    })
    .join("\n");
}
