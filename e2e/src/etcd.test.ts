import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Cluster, eventually, root } from "./cluster";
import { validationRow } from "./validation";

const task = "digit-classification/uci-digits";
const model = "digits-logreg";

function hasEtcd(): boolean {
  if (existsSync(join(root, ".cache", "etcd", "etcd"))) return true;
  return spawnSync("etcd", ["--version"], { stdio: "ignore" }).status === 0;
}

/** One query by task; throws the refusal. */
async function ask(cluster: Cluster): Promise<string> {
  const { receipt } = await cluster.client.query(task, [validationRow(task, 0).input], {});
  return receipt.executor;
}

/** Kills a process, queries while it is away, and resolves once the supervisor has restarted it. */
async function cutOff(cluster: Cluster, name: string): Promise<void> {
  const before = cluster.pidOf(name);
  cluster.kill(name);
  let answered = 0;
  await eventually(`${name} is started again`, 20_000, async () => {
    await ask(cluster);
    answered++;
    return cluster.pidOf(name) !== before;
  });
  expect(answered).toBeGreaterThan(0);
}

/** Writes a task through the frontend and metadata into the store; rejects while any of them is away. */
async function write(cluster: Cluster, name: string): Promise<void> {
  await cluster.client.putTask({ name, metric: "accuracy", labels: ["no", "yes"] });
}

/** The registry, both executors, and what was written, seen by the frontend. */
async function isWhole(cluster: Cluster, written: readonly string[]): Promise<boolean> {
  const { architectures, tasks } = await cluster.client.listModels();
  const { executors, leader } = await cluster.client.status();
  const accepting = executors.filter((e) => e.accepting).length;
  const hasAll = written.every((name) => tasks.some((t) => t.name === name));
  return architectures.length === 1 && accepting === 2 && leader !== "" && hasAll;
}

if (hasEtcd()) {
  describe("infaas up with etcd and two executors", () => {
    let cluster: Cluster;
    beforeAll(async () => {
      cluster = await Cluster.start({ zoo: model, args: ["--store", "etcd", "--executors", "2"] });
    }, 300_000);
    afterAll(() => cluster?.stop());

    it("answers, and keeps its state in etcd", async () => {
      expect(cluster.output).toContain("etcd store");
      expect(await ask(cluster)).toMatch(/^executor-[12]$/);
      expect(await isWhole(cluster, [])).toBe(true);
    });

    it.each(["etcd", "metadata"])(
      "answers on while %s is away, and is whole again afterwards",
      async (name) => {
        await cutOff(cluster, name);
        const written = `after/${name}`;
        await eventually("the store is writable", 30_000, () => write(cluster, written).then(() => true));
        await eventually("everything is back", 30_000, () => isWhole(cluster, [written]));
        await ask(cluster);
      },
      60_000,
    );

    it("goes on with what it knew after a stop and a start", async () => {
      const { folder } = cluster;
      await cluster.stop({ keep: true });
      cluster = await Cluster.start({ zoo: "none", folder, args: ["--store", "etcd", "--executors", "2"] });
      await eventually("the registered model answers", 20_000, async () => (await ask(cluster)) !== "");
      await eventually("everything is back", 30_000, () =>
        isWhole(cluster, ["after/etcd", "after/metadata"]),
      );
    }, 60_000);
  });
} else {
  describe("infaas up with etcd", () => {
    it("is SKIPPED here: no etcd was found; npm run etcd:install -w @infaas/metadata fetches one", () => {
      expect(hasEtcd()).toBe(false);
    });
  });
}
