import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClusterService, RegistryService } from "@infaas/api";
import { Code, createRpcClient } from "@infaas/runtime";
import { EtcdServer, findEtcd } from "./testing/etcd-server";
import { exampleTask, executorMember, Watching } from "./testing/examples";
import { MetadataProcess } from "./testing/metadata-process";

/** Lease of members that a paused process has to remember. */
const LEASE_MS = 1_000;

describe("metadata process", () => {
  let folder: string;
  const processes: MetadataProcess[] = [];
  const start = async (...argv: string[]) => {
    const started = await MetadataProcess.start(["--data-dir", folder, ...argv]);
    processes.push(started);
    return started;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "infaas-main-"));
  });
  afterEach(() => {
    for (const { child } of processes.splice(0)) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  const survives = (argv: () => string[]) => async () => {
    const first = await start(...argv());
    const cluster = createRpcClient(ClusterService, first.address);
    const registry = createRpcClient(RegistryService, first.address);
    await registry.putTaskRecord({ task: exampleTask() });
    const { leaseId } = await cluster.join({ member: executorMember("one"), ttlMs: 60_000 });
    const { leadership } = await cluster.campaign({ leaseId, member: "one" });
    const watching = new Watching(cluster.watch({ fromRevision: 0n }));
    await watching.until(({ complete }) => complete);
    await first.end("SIGKILL");
    await watching.until(({ ended }) => ended !== null);
    cluster.close();
    registry.close();

    const second = await start(...argv());
    const again = createRpcClient(ClusterService, second.address);
    await again.keepAlive({ leaseId });
    const afresh = new Watching(again.watch({ fromRevision: watching.revision + 1n }));
    await again.leave({ leaseId });
    await afresh.until((all) => all.revision > watching.revision && all.messages > 0);
    const joined = await again.join({ member: executorMember("one"), ttlMs: 60_000 });
    const next = await again.campaign({ leaseId: joined.leaseId, member: "one" });
    expect(next.leadership?.term).toBe((leadership?.term ?? 0n) + 1n);
    const all = new Watching(again.watch({ fromRevision: 0n }));
    await all.until(({ complete }) => complete);
    expect(all.kinds()).toEqual(["leadership", "member", "task"]);
    again.close();
    expect(await second.end("SIGTERM")).toEqual([0, null]);
  };

  it(
    "is killed and started again on its file with everything there, leases running, and terms that go on",
    survives(() => []),
  );

  const binary = findEtcd();
  if (binary === null) {
    it("on etcd (SKIPPED: no etcd; npm run etcd:install -w @infaas/metadata)", () =>
      expect(binary).toBeNull());
  } else {
    describe("on etcd", () => {
      let etcd: EtcdServer;
      beforeAll(async () => {
        etcd = await EtcdServer.start(binary);
      });
      afterAll(() => etcd.remove());

      it(
        "is killed and started again with everything there",
        survives(() => ["--store", "etcd", "--etcd", etcd.address]),
      );
    });
  }

  it.each([["embedded"], ["memory"]])(
    "that is paused for longer than its members' leases has them still, with the store %s",
    async (store) => {
      const { child, address } = await start("--store", store);
      const cluster = createRpcClient(ClusterService, address);
      const registry = createRpcClient(RegistryService, address);
      const leases: string[] = [];
      for (const name of ["one", "two", "three"])
        leases.push((await cluster.join({ member: executorMember(name), ttlMs: LEASE_MS })).leaseId);
      const { leadership } = await cluster.campaign({ leaseId: leases[0]!, member: "one" });
      child.kill("SIGSTOP");
      // A call that nobody answers: it ends when the leases would have, twice over.
      const unanswered = registry.putTaskRecord({ task: exampleTask() }, { timeoutMs: 2 * LEASE_MS });
      await expect(unanswered).rejects.toMatchObject({ code: Code.DEADLINE_EXCEEDED });
      child.kill("SIGCONT");
      for (const leaseId of leases)
        expect(await cluster.keepAlive({ leaseId })).toMatchObject({ ttlMs: LEASE_MS });
      const again = await cluster.campaign({ leaseId: leases[0]!, member: "one" });
      expect(again.leadership?.term).toBe(leadership?.term);
      cluster.close();
      registry.close();
    },
  );

  it("names every wrong option and does not start", async () => {
    const hook = join(__dirname, "testing/typescript.cjs");
    const argv = ["--require", hook, join(__dirname, "main.ts"), "--store", "paper", "--colour", "red"];
    const child = spawn(process.execPath, argv, { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr?.on("data", (chunk) => {
      said += chunk;
    });
    expect(await once(child, "close")).toEqual([2, null]);
    expect(said).toContain("'paper'");
    expect(said).toContain("--colour");
  });
});
