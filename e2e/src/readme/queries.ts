import { type InfaasClient, refusalOf } from "@infaas/client";
import { infaas } from "../cluster";
import { validationRow } from "../validation";
import { Outcomes } from "./outcomes";
import { topOnTerminal } from "./top-on-terminal";

/** Its task whose examples it asks for. */
export const task = "digit-classification/uci-digits";

/** Queries that show what a caller's own time is beside that of the receipt. */
const WARM_QUERIES = 5;

/** A running system with the whole zoo. */
export interface ZooSystem {
  readonly address: string;
  readonly client: InfaasClient;
}

/** Tests of queries by task on a system with the whole zoo. */
export function describeQueries(system: () => ZooSystem): void {
  it("answers a query by task from a picture, with a receipt", async () => {
    const needs = ["--accuracy", "0.9", "--latency", "500"];
    const { status, stdout, stderr } = await infaas(
      system(),
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
    const accuracies = await accuraciesOf(system().client);
    const [low, high] = [accuracies[0] ?? 0, accuracies.at(-1) ?? 0];
    const cheap = await system().client.query(task, [row.input], { minAccuracy: low });
    const dear = await system().client.query(task, [row.input], { minAccuracy: high });
    expect(dear.receipt.accuracy?.value).toBeGreaterThan(cheap.receipt.accuracy?.value ?? 1);
    expect(dear.receipt.costUsd).toBeGreaterThan(cheap.receipt.costUsd);
  });

  it("changes the variant when the latency objective is tightened", async () => {
    const row = validationRow(task, 1);
    const loose = await system().client.query(task, [row.input], {
      latencyMs: 5_000,
      objective: "max-accuracy",
    });
    const computeMs = await fastestComputeMs(system().client, loose.receipt.variant);
    const tight = await system().client.explain(task, {
      latencyMs: computeMs * 0.8,
      objective: "max-accuracy",
    });
    expect(tight.variant).not.toBe(loose.receipt.variant);
  });

  it("refuses the impossible with priced offers", async () => {
    const row = validationRow(task, 2);
    const asked = system().client.query(task, [row.input], { minAccuracy: 0.99999, latencyMs: 50 });
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
    const { tasks } = await system().client.listModels();
    const language = tasks.find((t) => t.text !== undefined);
    expect(language).toBeDefined();
    const { status, stdout } = await infaas(
      system(),
      "query",
      language?.name ?? "",
      "--text",
      "deutschland",
      "--json",
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout).receipt.variant).toBeTruthy();
  });

  it("tells a cold query what it waited for: the phases are what its caller saw, but for 5 % or what a warm query's caller sees besides", async () => {
    const row = validationRow(task, 3);
    const { variants } = await system().client.listModels(task);
    const { instances } = await system().client.status();
    const loaded = new Set(instances.map(({ variant }) => variant));
    const cold = variants.map(({ name }) => name).filter((name) => !loaded.has(name));
    expect(cold.length).toBeGreaterThanOrEqual(3);
    const ask = async (variant: string) => {
      const startMs = performance.now();
      const { receipt } = await system().client.query(variant, [row.input]);
      return { receipt, seenMs: performance.now() - startMs };
    };
    const unexplainedMs: number[] = [];
    for (const variant of cold.slice(0, 3)) {
      const { receipt, seenMs } = await ask(variant);
      expect(receipt.cold).toBe(true);
      expect(receipt.coldPhases.map(({ phase }) => phase)).toEqual(
        expect.arrayContaining(["decide", "records", "open", "probe", "first-run"]),
      );
      const sumMs = receipt.coldPhases.reduce((sum, { ms }) => sum + ms, 0);
      expect(sumMs).toBeCloseTo(receipt.totalMs, 3);
      const besidesMs = [0.05 * seenMs];
      for (let i = 0; i < WARM_QUERIES; i++) {
        const warm = await ask(variant);
        besidesMs.push(warm.seenMs - warm.receipt.totalMs);
      }
      unexplainedMs.push(seenMs - sumMs - Math.max(...besidesMs));
    }
    // What a busy machine does to one call is not the system's doing.
    expect(Math.min(...unexplainedMs)).toBeLessThanOrEqual(0);
    const { status, stdout } = await infaas(system(), "why", cold[0] ?? "");
    expect(status).toBe(0);
    expect(stdout).toMatch(/ready +\S+ +\S+ +loaded in \d+ ms: fetch/);
  });

  it("prints as JSON what its own schema says, also where it refuses or fails", async () => {
    const outcomes = await Outcomes.of(system());
    const picture = ["--image", "zoo/examples/seven.png"];
    const asked = await Promise.all([
      outcomes.run(system(), "models", "models"),
      outcomes.run(system(), "status", "status"),
      outcomes.run(system(), "query", "query", task, ...picture, "--explain"),
      outcomes.run(system(), "failure", "query", task, ...picture, "--accuracy", "0.99999"),
      outcomes.run(system(), "failure", "query", task, "--accuracy", "high"),
      outcomes.run(system(), "failure", "status", "--address", "127.0.0.1:1"),
    ]);
    expect(asked.map(({ status }) => status)).toEqual([0, 0, 0, 1, 2, 3]);
    expect(asked.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it("draws a live view on a terminal of 80 by 24, and leaves that as it was", async () => {
    const { frame, after } = await topOnTerminal(system().address);
    expect(frame).toHaveLength(24);
    expect(frame[0]).toContain(`infaas top  ${system().address}  leader frontend-1`);
    expect(frame.join("\n")).toMatch(/^executor-1 +yes/m);
    expect(frame.filter((line) => line.length > 80)).toEqual([]);
    expect(after).toEqual(["0", "icanon"]);
  });

  it("prints its models, status and an explanation as tables", async () => {
    const models = await infaas(system(), "models");
    expect(models.stdout).toContain(task);
    const status = await infaas(system(), "status");
    expect(status.stdout).toContain("executor-1");
    const explained = await infaas(system(), "explain", task, "--accuracy", "0.9");
    expect(explained.stdout).toContain("answers, in");
  });
}

/** Ascending measured accuracies of the task's variants. */
async function accuraciesOf(client: InfaasClient): Promise<number[]> {
  const { variants } = await client.listModels(task);
  return variants.map((v) => v.accuracy?.value ?? 0).sort((a, b) => a - b);
}

async function fastestComputeMs(client: InfaasClient, like: string): Promise<number> {
  const { variants } = await client.listModels(task);
  const architecture = variants.find((v) => v.name === like)?.architecture;
  const times = variants
    .filter((v) => v.architecture === architecture)
    .map((v) => v.profile?.points[0]?.p50Ms ?? 0);
  return Math.min(...times);
}
