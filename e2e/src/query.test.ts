import { refusalOf } from "@infaas/client";
import { Cluster, infaas, root } from "./cluster";
import { validationRow } from "./validation";

const task = "digit-classification/uci-digits";

/** One system with the whole zoo, as `npm start` makes it, for all tests. */
describe("infaas up with the zoo", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "all" });
  }, 300_000);
  afterAll(() => cluster?.stop());

  it("answers a query by task from a picture, with a receipt", async () => {
    const needs = ["--accuracy", "0.9", "--latency", "500"];
    const { status, stdout, stderr } = await infaas(
      cluster,
      "query",
      task,
      "--image",
      "zoo/examples/seven.png",
      ...needs,
      "--json",
    );
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const { outputs, receipt } = JSON.parse(stdout);
    const scores: number[] = outputs[0].values;
    expect(scores.indexOf(Math.max(...scores))).toBe(7);
    expect(receipt.accuracy.value).toBeGreaterThanOrEqual(0.9);
    expect(receipt.totalMs).toBeGreaterThan(receipt.computeMs);
    expect(receipt.costUsd).toBeGreaterThan(0);
  });

  it("picks a more accurate variant for a higher floor, at a higher price", async () => {
    const row = validationRow(task, 0);
    const accuracies = await accuraciesOf(cluster);
    const [low, high] = [accuracies[0] ?? 0, accuracies.at(-1) ?? 0];
    const cheap = await cluster.client.query(task, [row.input], { minAccuracy: low });
    const dear = await cluster.client.query(task, [row.input], { minAccuracy: high });
    expect(dear.receipt.accuracy?.value).toBeGreaterThan(cheap.receipt.accuracy?.value ?? 1);
    expect(dear.receipt.costUsd).toBeGreaterThan(cheap.receipt.costUsd);
  });

  it("changes the variant when the latency objective is tightened", async () => {
    const row = validationRow(task, 1);
    const loose = await cluster.client.query(task, [row.input], {
      latencyMs: 5_000,
      objective: "max-accuracy",
    });
    const computeMs = await fastestComputeMs(cluster, loose.receipt.variant);
    const tight = await cluster.client.explain(task, {
      latencyMs: computeMs * 0.8,
      objective: "max-accuracy",
    });
    expect(tight.variant).not.toBe(loose.receipt.variant);
  });

  it("refuses the impossible with priced offers", async () => {
    const row = validationRow(task, 2);
    const asked = cluster.client.query(task, [row.input], { minAccuracy: 0.99999, latencyMs: 50 });
    const error = await asked.then(
      () => undefined,
      (e) => e,
    );
    expect(error?.code).toBe(9);
    const offers = refusalOf(error)?.offers ?? [];
    expect(offers.length).toBeGreaterThan(0);
    for (const offer of offers) expect(offer.costUsd).toBeGreaterThan(0);
  });

  it("answers another modality by the same path", async () => {
    const { tasks } = await cluster.client.listModels();
    const language = tasks.find((t) => t.text !== undefined);
    expect(language).toBeDefined();
    const { status, stdout } = await infaas(
      cluster,
      "query",
      language?.name ?? "",
      "--text",
      "deutschland",
      "--json",
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout).receipt.variant).toBeTruthy();
  });

  it("tells a cold query what it waited for: the phases are its whole time, within 5 % of what its caller saw", async () => {
    const row = validationRow(task, 3);
    const { variants } = await cluster.client.listModels(task);
    const { instances } = await cluster.client.status();
    const loaded = new Set(instances.map(({ variant }) => variant));
    const cold = variants.map(({ name }) => name).filter((name) => !loaded.has(name));
    expect(cold.length).toBeGreaterThanOrEqual(3);
    const gaps: number[] = [];
    for (const variant of cold.slice(0, 3)) {
      const startMs = performance.now();
      const { receipt } = await cluster.client.query(variant, [row.input]);
      const seenMs = performance.now() - startMs;
      expect(receipt.cold).toBe(true);
      expect(receipt.coldPhases.map(({ phase }) => phase)).toEqual(
        expect.arrayContaining(["decide", "records", "open", "probe", "first-run"]),
      );
      const sumMs = receipt.coldPhases.reduce((sum, { ms }) => sum + ms, 0);
      expect(sumMs).toBeCloseTo(receipt.totalMs, 3);
      gaps.push((seenMs - sumMs) / seenMs);
    }
    // What a busy machine does to one call is not the system's doing.
    expect(Math.min(...gaps)).toBeLessThanOrEqual(0.05);
    const { status, stdout } = await infaas(cluster, "why", cold[0] ?? "");
    expect(status).toBe(0);
    expect(stdout).toMatch(/ready +\S+ +\S+ +loaded in \d+ ms: fetch/);
  });

  it("is warm after a second start: nothing is registered again and instances come back", async () => {
    const before = await cluster.client.listModels();
    await cluster.stop({ keep: true });
    cluster = await Cluster.start({ zoo: "all", folder: cluster.folder });
    expect(cluster.output).not.toContain("profile");
    const after = await cluster.client.listModels();
    expect(after.variants.map((v) => v.name).sort()).toEqual(before.variants.map((v) => v.name).sort());
    const answer = await cluster.client.query(task, [validationRow(task, 3).input], {});
    expect(answer.receipt.variant).toBeTruthy();
  }, 120_000);

  it("prints its models, status and an explanation as tables", async () => {
    const models = await infaas(cluster, "models");
    expect(models.stdout).toContain(task);
    const status = await infaas(cluster, "status");
    expect(status.stdout).toContain("executor-1");
    const explained = await infaas(cluster, "explain", task, "--accuracy", "0.9");
    expect(explained.stdout).toContain("selected");
  });
});

/** Ascending measured accuracies of the task's variants. */
async function accuraciesOf(cluster: Cluster): Promise<number[]> {
  const { variants } = await cluster.client.listModels(task);
  return variants.map((v) => v.accuracy?.value ?? 0).sort((a, b) => a - b);
}

async function fastestComputeMs(cluster: Cluster, like: string): Promise<number> {
  const { variants } = await cluster.client.listModels(task);
  const architecture = variants.find((v) => v.name === like)?.architecture;
  const times = variants
    .filter((v) => v.architecture === architecture)
    .map((v) => v.profile?.points[0]?.p50Ms ?? 0);
  return Math.min(...times);
}

describe("the clone", () => {
  it("is where the commands run", () => {
    expect(root).toBe(process.cwd());
  });
});
