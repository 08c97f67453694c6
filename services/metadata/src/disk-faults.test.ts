import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArtifactService, ClusterService, RegistryService } from "@infaas/api";
import { Code, createRpcClient, ServiceError } from "@infaas/runtime";
import { diskFaults, FaultyDisk } from "@infaas/runtime/testing/disk-faults";
import { taskKey } from "./records/keys";
import { exampleTask, executorMember, Watching } from "./testing/examples";
import { MetadataProcess } from "./testing/metadata-process";

/** Starts with a fault, and rounds of changes with one, of a test run; INFAAS_DISK_FAULTS=all tries all. */
const STARTS_TRIED = 2;
const ROUNDS_TRIED = 6;
jest.setTimeout(process.env.INFAAS_DISK_FAULTS === "all" ? 1_800_000 : 240_000);

const allowed: readonly Code[] = [Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE, Code.INTERNAL];
const file = randomBytes(300_000);
const digestOf = (content: Buffer) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

function clientsOf(address: string) {
  const cluster = createRpcClient(ClusterService, address);
  const registry = createRpcClient(RegistryService, address);
  const artifacts = createRpcClient(ArtifactService, address);
  const close = () => {
    for (const client of [cluster, registry, artifacts]) client.close();
  };
  return { cluster, registry, artifacts, close };
}

type Clients = ReturnType<typeof clientsOf>;

/** What was acknowledged so far, which has to be there whatever happens after. */
class Acknowledged {
  readonly tasks = new Set<string>();
  readonly files: Buffer[] = [];

  /** Fails when the process that was started last does not have all. */
  async check({ cluster, artifacts }: Clients): Promise<void> {
    const leaving = new AbortController();
    const watching = new Watching(cluster.watch({ fromRevision: 0n }, { signal: leaving.signal }));
    await watching.until(({ complete }) => complete);
    const keys = new Set(watching.keys());
    leaving.abort();
    expect([...this.tasks].filter((name) => !keys.has(taskKey(name)))).toEqual([]);
    for (const content of this.files) expect((await download(artifacts, content)).equals(content)).toBe(true);
  }
}

async function download(artifacts: Clients["artifacts"], content: Buffer): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { data } of artifacts.downloadArtifact({ digest: digestOf(content), offset: 0n }))
    parts.push(data);
  return Buffer.concat(parts);
}

async function upload(artifacts: Clients["artifacts"], content: Buffer, tenant: string): Promise<void> {
  const [digest, totalBytes] = [digestOf(content), BigInt(content.length)];
  const { complete, receivedBytes } = await artifacts.statArtifact({ digest, tenant });
  if (complete) return;
  async function* pieces() {
    for (let at = Number(receivedBytes); ; at += 100_000) {
      yield { digest, totalBytes, tenant, offset: BigInt(at), data: content.subarray(at, at + 100_000) };
      if (at + 100_000 >= content.length) return;
    }
  }
  await artifacts.uploadArtifact(pieces());
}

/** One of everything that metadata writes; each may be tried again after it failed. */
function changesOf(round: number, { cluster, registry, artifacts }: Clients, all: Acknowledged) {
  const contents = [Buffer.from(file), Buffer.from(file)];
  for (const [index, content] of contents.entries()) content.writeUInt32LE(round * 2 + index);
  const name = `round/${round}`;
  const put = async () => {
    await registry.putTaskRecord({ task: exampleTask({ name }) });
    all.tasks.add(name);
  };
  const bring = (content: Buffer, tenant: string) => async () => {
    await upload(artifacts, content, tenant);
    all.files.push(content);
  };
  return {
    put,
    uploadForAll: bring(contents[0]!, ""),
    uploadForTenant: bring(contents[1]!, "vision"),
    memberOnce: async () => {
      const member = `exec-${round}`;
      const { leaseId } = await cluster.join({ member: executorMember(member), ttlMs: 60_000 });
      await cluster.reportInstances({ leaseId, report: { executor: member } });
      await cluster.campaign({ leaseId, member });
      await cluster.leave({ leaseId });
    },
  };
}

interface Failed {
  readonly again: () => Promise<void>;
  readonly fault: ServiceError;
}

/** Makes every change; returns those that failed. */
async function tryAll(changes: ReturnType<typeof changesOf>): Promise<readonly Failed[]> {
  const failed: Failed[] = [];
  for (const again of Object.values(changes))
    await again().catch((error) => failed.push({ again, fault: ServiceError.from(error) }));
  return failed;
}

describe("a metadata process whose disk fails", () => {
  const folder = mkdtempSync(join(tmpdir(), "infaas-faults-metadata-"));
  const disk = FaultyDisk.for([folder]);
  const withDisk = disk === null ? it.skip : it;
  const start = () => MetadataProcess.start(["--data-dir", folder], disk!.environment);
  const all = new Acknowledged();
  let running: MetadataProcess | null = null;
  afterAll(() => {
    running?.child.kill("SIGKILL");
    disk?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  withDisk("starts, or ends with the reason, and starts once it does not fail", async () => {
    disk!.count();
    await (await start()).end("SIGKILL");
    const faults = diskFaults(disk!.writes, STARTS_TRIED);
    expect(faults.length).toBeGreaterThan(0);
    for (const fault of faults) {
      disk!.fail(fault);
      const started = await start().catch((error: Error) => error);
      disk!.stop();
      if (started instanceof Error) expect(started.message).toMatch(/EIO|ENOSPC/);
      else await started.end("SIGKILL");
      await (await start()).end("SIGKILL");
    }
  });

  withDisk("lives, reads, refuses with the reason, loses nothing, and goes on", async () => {
    running = await start();
    let clients = clientsOf(running.address);
    disk!.count();
    expect(await tryAll(changesOf(0, clients, all))).toEqual([]);
    const faults = diskFaults(disk!.writes, ROUNDS_TRIED);
    expect(disk!.writes).toBeGreaterThan(20);
    let failures = 0;
    for (const [index, fault] of faults.entries()) {
      const round = index + 1;
      disk!.fail(fault);
      const failed = await tryAll(changesOf(round, clients, all));
      const at = `${fault.error} at write ${fault.first}: ${disk!.firstFailure}`;
      expect([at, running.ending]).toEqual([at, null]);
      for (const { fault } of failed) {
        expect(allowed).toContain(fault.code);
        expect(fault.message).toMatch(/ENOSPC|EIO|metadata's store/);
      }
      failures += disk!.failures;
      const read = await all.check(clients).catch((error: Error) => `${error.message} ${running?.ending}`);
      expect([at, read]).toEqual([at, undefined]);
      disk!.stop();
      for (const { again } of failed) {
        const fault = await again().then(
          () => "",
          (error) => error.message,
        );
        expect(`${at}, then: ${fault}`).toBe(`${at}, then: `);
      }
      expect([at, running.ending]).toEqual([at, null]);
      await running.end("SIGKILL");
      clients.close();
      running = await start();
      clients = clientsOf(running.address);
      await all.check(clients);
    }
    expect(failures).toBeGreaterThanOrEqual(faults.length);
    clients.close();
    expect(await running.end("SIGTERM")).toEqual([0, null]);
    running = null;
  });
});
