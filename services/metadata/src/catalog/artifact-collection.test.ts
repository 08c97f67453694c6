import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, renameSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { TaskSchema } from "@infaas/api";
import { createLogger, seededRandom, VirtualClock } from "@infaas/runtime";
import { taskKey } from "../records/keys";
import { encodeRecord } from "../records/records";
import type { LocalStore } from "../store/local-store";
import { openMemoryStore } from "../store/memory-store";
import { overStore } from "../testing/in-memory";
import { ARTIFACT_KEPT_MS, ArtifactCollection } from "./artifact-collection";
import type { ArtifactPiece } from "./artifact-upload";
import { Artifacts } from "./artifacts";
import { Registry } from "./registry";

const logger = createLogger({ service: "test", write: () => undefined });
const digestOf = (text: string) => `sha256:${hexOf(text)}`;
const hexOf = (text: string) => createHash("sha256").update(text).digest("hex");

async function* upload(text: string, tenant: string): AsyncGenerator<ArtifactPiece> {
  const data = Buffer.from(text);
  yield { digest: digestOf(text), tenant, totalBytes: BigInt(data.length), offset: 0n, data };
}

/** A task that names two files. */
function taskOf(inputs: string, labels: string) {
  const validation = {
    dataset: "d",
    inputsDigest: digestOf(inputs),
    labelsDigest: digestOf(labels),
    count: 1,
  };
  return create(TaskSchema, { name: "t", metric: "accuracy", validation });
}

describe("ArtifactCollection", () => {
  let folder: string;
  let clock: VirtualClock;
  let store: LocalStore;
  let artifacts: Artifacts;
  const collectionOf = (files: Artifacts) =>
    new ArtifactCollection({ artifacts: files, store, clock, logger });
  const names = () => readdirSync(folder).filter((name) => name !== "tenants");
  /** Files carry the system's time, of which the clock in hand knows nothing. */
  const mark = (name: string) => {
    const seconds = clock.epochMs() / 1_000;
    utimesSync(join(folder, name), seconds, seconds);
  };
  const bring = async (text: string, tenant = "") => {
    await artifacts.upload(upload(text, tenant));
    mark(hexOf(text));
  };
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "infaas-collection-"));
    clock = new VirtualClock();
    store = openMemoryStore({ clock, random: seededRandom(1) });
    artifacts = await Artifacts.open(folder, undefined, clock);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("collects what no record names once its time has come, with its owner's link, and nothing before", async () => {
    await bring("unnamed", "vision");
    const collection = collectionOf(artifacts);
    await clock.advance(ARTIFACT_KEPT_MS - 1);
    await collection.collect();
    expect(names()).toEqual([hexOf("unnamed")]);
    await clock.advance(1);
    await collection.collect();
    expect(names()).toEqual([]);
    expect(readdirSync(join(folder, "tenants", "vision"))).toEqual([]);
    expect(collection.collectedCount).toBe(1);
  });

  it("keeps what a record names, however old", async () => {
    for (const text of ["in", "labl", "other"]) await bring(text);
    const { registry } = await overStore(store, clock, artifacts);
    await registry.putTask(taskOf("in", "labl"));
    for (const text of ["in", "labl", "other"]) mark(hexOf(text));
    await clock.advance(10 * ARTIFACT_KEPT_MS);
    await collectionOf(artifacts).collect();
    expect(names().sort()).toEqual([hexOf("in"), hexOf("labl")].sort());
  });

  it("keeps what is asked for: a registration asks before it profiles", async () => {
    await bring("asked");
    await clock.advance(ARTIFACT_KEPT_MS - 1);
    await artifacts.stat(digestOf("asked"));
    await clock.advance(ARTIFACT_KEPT_MS - 1);
    await collectionOf(artifacts).collect();
    expect(names()).toEqual([hexOf("asked")]);
  });

  it("gives back what another process is about to name while it is being decided", async () => {
    await bring("raced");
    await clock.advance(ARTIFACT_KEPT_MS);
    // Another process marks the file after this one has chosen it, and before it takes it away.
    const list = store.list.bind(store);
    let lists = 0;
    store.list = async (prefix) => {
      const listing = await list(prefix);
      if (++lists === 1) await artifacts.keep(digestOf("raced"));
      return listing;
    };
    const collection = collectionOf(artifacts);
    await collection.collect();
    expect(lists).toBe(2);
    expect(names()).toEqual([hexOf("raced")]);
    expect(collection.collectedCount).toBe(0);
  });

  it("has it refused, not named, when it is taken away first", async () => {
    for (const text of ["in", "labl"]) await bring(text);
    const registry = new Registry((await overStore(store, clock)).writer, artifacts);
    await clock.advance(ARTIFACT_KEPT_MS);
    const list = store.list.bind(store);
    let refused: Promise<unknown> = Promise.resolve();
    let lists = 0;
    store.list = async (prefix) => {
      if (++lists === 2) refused = registry.putTask(taskOf("in", "labl")).catch((error) => error);
      await refused;
      return list(prefix);
    };
    await collectionOf(artifacts).collect();
    expect(await refused).toMatchObject({ message: expect.stringContaining("must be uploaded first") });
    expect(names()).toEqual([]);
  });

  it("decides at the next start what a crash left undecided", async () => {
    for (const text of ["in", "labl", "unnamed"]) await bring(text);
    const { registry } = await overStore(store, clock, artifacts);
    await registry.putTask(taskOf("in", "labl"));
    await clock.advance(ARTIFACT_KEPT_MS);
    for (const text of ["in", "unnamed"]) {
      renameSync(join(folder, hexOf(text)), join(folder, `${hexOf(text)}.leaving`));
      const old = (clock.epochMs() - ARTIFACT_KEPT_MS) / 1_000;
      utimesSync(join(folder, `${hexOf(text)}.leaving`), old, old);
    }
    const collection = collectionOf(artifacts);
    await collection.start();
    expect(names().sort()).toEqual([hexOf("in"), hexOf("labl")].sort());
    collection.close();
  });

  it("collects nothing while a record cannot be read: it may name anything", async () => {
    await bring("unnamed");
    await clock.advance(ARTIFACT_KEPT_MS);
    const put = { kind: "put", key: taskKey("odd"), value: Buffer.from([255]), leaseId: null } as const;
    await store.transaction({ compares: [], writes: [put] });
    await expect(collectionOf(artifacts).collect()).rejects.toThrow("cannot be read");
    expect(names()).toEqual([hexOf("unnamed")]);
    const task = encodeRecord("task", create(TaskSchema, { name: "odd" }));
    await store.transaction({ compares: [], writes: [{ ...put, value: task }] });
    await collectionOf(artifacts).collect();
    expect(names()).toEqual([]);
  });

  it("collects parts that brought nothing for a day, tenants' too, and none that comes now", async () => {
    const part = async (text: string, tenant: string) => {
      const broken = (async function* () {
        const data = Buffer.from(text);
        yield { digest: digestOf(text), tenant, totalBytes: 100n, offset: 0n, data };
      })();
      await artifacts.upload(broken).catch(() => undefined);
    };
    await part("a", "");
    await part("b", "vision");
    mark(`${hexOf("a")}.part`);
    mark(join("tenants", "vision", `${hexOf("b")}.part`));
    await clock.advance(ARTIFACT_KEPT_MS);
    await part("c", "");
    const collection = collectionOf(artifacts);
    mark(`${hexOf("c")}.part`);
    await collection.collect();
    expect(collection.collectedCount).toBe(2);
    expect(names()).toEqual([`${hexOf("c")}.part`]);
  });
});
