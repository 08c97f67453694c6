import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArtifactService, ClusterService, InstancePhase, RegistryService } from "@infaas/api";
import { createLogger, createRpcClient, systemClock, systemRandom } from "@infaas/runtime";
import { openMetadata } from "./metadata";
import { createMetadataServer } from "./server";
import { openEmbeddedStore } from "./store/embedded-store";
import { openEtcdStore } from "./store/etcd-store";
import type { MetadataStore } from "./store/store";
import { EtcdServer, findEtcd } from "./testing/etcd-server";
import {
  exampleArchitecture,
  exampleTask,
  exampleVariant,
  executorMember,
  Watching,
} from "./testing/examples";

const logger = createLogger({ service: "metadata-test", level: "error" });

/** A metadata service on a real socket, with its files in `folder`. */
async function serve(folder: string, store: MetadataStore) {
  const metadata = await openMetadata({ store, dataDir: folder, clock: systemClock, logger });
  const server = createMetadataServer(metadata, { logger });
  const address = `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
  const cluster = createRpcClient(ClusterService, address);
  const registry = createRpcClient(RegistryService, address);
  const artifacts = createRpcClient(ArtifactService, address);
  const close = async () => {
    for (const client of [cluster, registry, artifacts]) client.close();
    metadata.hub.close();
    await server.stop(1000);
    await metadata.close();
  };
  return { cluster, registry, artifacts, close };
}

const embedded = (folder: string) =>
  openEmbeddedStore(join(folder, "store"), { clock: systemClock, random: systemRandom });

describe("metadata service on the embedded store", () => describeStory(embedded));

const binary = findEtcd();
if (binary === null) {
  describe("metadata service on etcd (SKIPPED: no etcd; npm run etcd:install -w @infaas/metadata)", () => {
    it("is not tested on this machine", () => expect(binary).toBeNull());
  });
} else {
  describe("metadata service on etcd", () => {
    let etcd: EtcdServer;
    beforeAll(async () => {
      etcd = await EtcdServer.start(binary);
    });
    afterAll(() => etcd.remove());
    describeStory(() => openEtcdStore({ hosts: [etcd.address], clock: systemClock }));
  });
}

function describeStory(openStore: (folder: string) => MetadataStore): void {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "infaas-metadata-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("takes a model from its file to a reported instance, tells every watcher, and has it all after a restart", async () => {
    const first = await serve(folder, openStore(folder));
    const watching = new Watching(first.cluster.watch({ fromRevision: 0n }));
    await watching.until(({ complete }) => complete);
    expect(watching.keys()).toEqual([]);

    const model = Buffer.from("the bytes of a model");
    const digest = `sha256:${createHash("sha256").update(model).digest("hex")}`;
    const [half, rest] = [model.subarray(0, 9), model.subarray(9)];
    const broken = first.artifacts.uploadArtifact(
      (async function* () {
        yield { digest, totalBytes: BigInt(model.length), offset: 0n, data: half };
      })(),
    );
    await expect(broken).rejects.toThrow("go on from offset 9");
    const asked = { architecture: exampleArchitecture({ modelDigest: digest }) };
    await first.registry.putTaskRecord({ task: exampleTask() });
    await expect(first.registry.putArchitecture(asked)).rejects.toThrow(
      `file ${digest} must be uploaded first; 9 bytes`,
    );
    const { receivedBytes } = await first.artifacts.statArtifact({ digest });
    await first.artifacts.uploadArtifact(
      (async function* () {
        yield { digest, totalBytes: BigInt(model.length), offset: receivedBytes, data: rest };
      })(),
    );

    const { architecture, unchanged } = await first.registry.putArchitecture(asked);
    expect([architecture?.version, unchanged]).toEqual([1, false]);
    const variants = [exampleVariant({ modelDigest: digest })];
    await first.registry.putVariants({ architecture: "mlp", version: 1, variants });

    const { leaseId } = await first.cluster.join({ member: executorMember("one"), ttlMs: 60_000 });
    await first.cluster.setPlacement({
      placements: [{ executor: "one", variant: "mlp-fp32", reason: "registration" }],
      wanted: true,
    });
    const instances = [{ variant: "mlp-fp32", executor: "one", phase: InstancePhase.READY }];
    await first.cluster.reportInstances({ leaseId, report: { executor: "one", instances } });
    const { leadership } = await first.cluster.campaign({ leaseId, member: "one" });
    expect(leadership).toMatchObject({ member: "one", term: 1n });
    const kinds = ["architecture", "executorPlacement", "leadership", "member", "report", "task", "variant"];
    await watching.until(() => watching.kinds().length === kinds.length);
    expect(watching.kinds()).toEqual(kinds);
    const lastRevision = watching.revision;
    await first.close();

    const second = await serve(folder, openStore(folder));
    expect(await second.cluster.keepAlive({ leaseId })).toMatchObject({ ttlMs: 60_000 });
    const again = new Watching(second.cluster.watch({ fromRevision: lastRevision + 1n }));
    await second.cluster.setAccepting({ executor: "one", accepting: false });
    await again.until(() => again.keys().length === 1);
    expect(again.snapshots).toBe(0);
    const afresh = new Watching(second.cluster.watch({ fromRevision: 0n }));
    await afresh.until(({ complete }) => complete);
    expect(afresh.kinds()).toEqual(kinds);
    const pieces: Uint8Array[] = [];
    for await (const { data } of second.artifacts.downloadArtifact({ digest, offset: 4n })) pieces.push(data);
    expect(Buffer.concat(pieces).toString()).toBe("bytes of a model");
    await second.registry.deleteRecords({ name: "mlp" });
    await afresh.until(() => afresh.kinds().length === 5);
    expect(afresh.kinds()).toEqual(["executorPlacement", "leadership", "member", "report", "task"]);
    await second.cluster.leave({ leaseId });
    await afresh.until(() => afresh.kinds().length === 2);
    await second.close();
  });
}
