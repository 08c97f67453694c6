import { readFileSync } from "node:fs";
import { Code, ServiceError } from "@infaas/runtime";
import { Cluster, eventually, infaas } from "./cluster";
import { validationRow } from "./validation";

const task = "digit-classification/uci-digits";
const model = "digits-logreg";
const processes = ["metadata", "executor-1", "executor-2", "frontend"];

/** Keeps `inFlight` queries running until stopped, and counts their outcomes. */
function load(cluster: Cluster, inFlight: number) {
  const outcome = { answered: 0, wrong: 0, right: 0, failures: [] as ServiceError[] };
  let running = true;
  let next = 0;
  // A variant's answer to an example is always the same; another variant of the architecture may round
  // otherwise.
  const expected = new Map<string, string>();
  const one = async () => {
    while (running) {
      const index = next++ % 50;
      try {
        const { outputs, receipt } = await cluster.client.query(
          model,
          [validationRow(task, index).input],
          {},
          { timeoutMs: 10_000 },
        );
        const digits = Buffer.from(outputs[0]?.bytes ?? []).toString("hex");
        const key = `${receipt.variant} ${index}`;
        if (!close(expected.get(key) ?? digits, digits)) outcome.wrong++;
        expected.set(key, digits);
        if (classOf(digits) === validationRow(task, index).label) outcome.right++;
        outcome.answered++;
      } catch (error) {
        outcome.failures.push(ServiceError.from(error));
      }
    }
  };
  const ended = Promise.all(Array.from({ length: inFlight }, one));
  return {
    outcome,
    stop: async () => {
      running = false;
      await ended;
      return outcome;
    },
  };
}

/** The class with the highest score. */
function classOf(hex: string): number {
  const scores = new Float32Array(new Uint8Array(Buffer.from(hex, "hex")).buffer);
  return scores.indexOf(Math.max(...scores));
}

/** Same scores up to what batching may change. */
function close(a: string, b: string): boolean {
  const [x, y] = [a, b].map((hex) => new Float32Array(new Uint8Array(Buffer.from(hex, "hex")).buffer));
  return (
    x !== undefined && y !== undefined && x.every((value, i) => Math.abs(value - (y[i] ?? Number.NaN)) < 1e-3)
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A process with all below it: those that the executors started are among them. */
function treeOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
  return [pid, ...children.flatMap((child) => treeOf(Number(child)))];
}

describe("a cluster with two executors under load", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: model, args: ["--executors", "2"] });
  }, 300_000);
  afterAll(() => cluster?.stop());

  it("loses no query but with UNAVAILABLE when an executor is killed, and is whole again afterwards", async () => {
    const before = cluster.pidOf("executor-1");
    const running = load(cluster, 8);
    await eventually("queries are answered", 10_000, async () => running.outcome.answered > 50);
    cluster.kill("executor-1");
    const atKill = running.outcome.answered;
    await eventually("queries go on", 15_000, async () => running.outcome.answered > atKill + 100);
    const { wrong, right, answered, failures } = await running.stop();
    expect(wrong).toBe(0);
    // The model knows 94 % of its held-out examples; answers mixed up between queries would agree with a
    // tenth.
    expect(right / answered).toBeGreaterThan(0.85);
    for (const failure of failures)
      expect([Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED]).toContain(failure.code);
    await eventually("the executor is back", 20_000, async () => {
      const { executors } = await cluster.client.status();
      return cluster.pidOf("executor-1") !== before && executors.filter((e) => e.accepting).length === 2;
    });
  }, 60_000);

  it("goes on from the snapshot while metadata is away, and everything is back afterwards", async () => {
    const before = cluster.pidOf("metadata");
    const running = load(cluster, 4);
    await eventually("queries are answered", 10_000, async () => running.outcome.answered > 20);
    cluster.kill("metadata");
    const atKill = running.outcome.answered;
    await eventually("queries go on", 10_000, async () => running.outcome.answered > atKill + 100);
    const { failures } = await running.stop();
    expect(failures.map((f) => f.message)).toEqual([]);
    await eventually("metadata is back and its records with it", 20_000, async () => {
      const { architectures } = await cluster.client.listModels();
      const { executors, snapshotAgeMs } = await cluster.client.status();
      return (
        cluster.pidOf("metadata") !== before &&
        architectures.some((a) => a.name === model) &&
        executors.length === 2 &&
        snapshotAgeMs < 10_000
      );
    });
  }, 60_000);

  it("refuses a second supervisor, which changes nothing", async () => {
    const pids = () => processes.map((name) => cluster.pidOf(name));
    const before = pids();
    const second = await infaas(cluster, "up", "--data-dir", cluster.folder);
    expect([second.status, second.stderr]).toEqual([
      1,
      expect.stringContaining(`belongs to the system that process ${cluster.pid} runs`),
    ]);
    expect(pids()).toEqual(before);
    expect(before.filter((pid) => !isAlive(pid))).toEqual([]);
  });

  it("ends with its supervisor when that is killed, and a start on its state says what it found", async () => {
    const killed = cluster.pid;
    const pids = processes.flatMap((name) => treeOf(cluster.pidOf(name)));
    expect(pids.length).toBeGreaterThan(processes.length);
    process.kill(killed, "SIGKILL");
    await eventually("every process ended", 10_000, async () => !pids.some(isAlive));
    const { folder } = cluster;
    cluster.client.close();
    cluster = await Cluster.start({ zoo: model, folder, args: ["--executors", "2"] });
    expect(cluster.output).toContain(`process ${killed} ran this system and was killed`);
    const { outputs } = await cluster.client.query(model, [validationRow(task, 0).input]);
    expect(outputs).toHaveLength(1);
  }, 60_000);

  it("stops within 5 s on Ctrl-C", async () => {
    const from = performance.now();
    expect(await cluster.stop()).toBe(0);
    expect(performance.now() - from).toBeLessThan(5_000);
  }, 60_000);
});
