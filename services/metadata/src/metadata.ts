import { join } from "node:path";
import type { Clock, Logger } from "@infaas/runtime";
import { ArtifactCollection } from "./catalog/artifact-collection";
import type { ArtifactLimits } from "./catalog/artifact-space";
import { Artifacts } from "./catalog/artifacts";
import { type ArtifactLookup, Registry } from "./catalog/registry";
import { JobRecords } from "./jobs/job-records";
import { Members } from "./members/members";
import { migratePlacements } from "./members/placement-migration";
import { GuardedWriter } from "./records/guarded-writer";
import { WatchHub } from "./records/watch-hub";
import type { MetadataStore } from "./store/store";

/** What the metadata service knows and decides, over one store: no files, no sockets. */
export interface MetadataRecords {
  readonly store: MetadataStore;
  readonly hub: WatchHub;
  readonly writer: GuardedWriter;
  readonly members: Members;
  readonly registry: Registry;
  readonly jobs: JobRecords;
}

/** Everything the metadata service knows and does, over one store. */
export interface Metadata extends MetadataRecords {
  readonly artifacts: Artifacts;
  readonly collection: ArtifactCollection;
  /** Ends every watch, then closes the store. */
  close(): Promise<void>;
}

/** What a metadata service is opened over. */
export interface MetadataOptions {
  readonly store: MetadataStore;
  /** Folder of the model files; made if it is missing. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly artifactLimits?: ArtifactLimits;
}

/** Reads everything in the store and begins to follow it. */
export async function openMetadata(o: MetadataOptions): Promise<Metadata> {
  const { store, dataDir, clock, logger } = o;
  const artifacts = await Artifacts.open(join(dataDir, "artifacts"), o.artifactLimits, clock);
  const records = await openRecords({ store, clock, logger, artifacts });
  const { hub } = records;
  const collection = new ArtifactCollection({ artifacts, store, clock, logger });
  await collection.start();
  const close = async () => {
    collection.close();
    hub.close();
    await store.close();
  };
  return { ...records, artifacts, collection, close };
}

/** What records are opened over. */
export interface RecordsOptions {
  readonly store: MetadataStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What is there of the files that records name. */
  readonly artifacts: ArtifactLookup;
}

/** Reads every record in the store and begins to follow them, until `hub` and `store` are closed. */
export async function openRecords({
  store,
  clock,
  logger,
  artifacts,
}: RecordsOptions): Promise<MetadataRecords> {
  const hub = await WatchHub.open(store, clock, logger);
  const writer = new GuardedWriter(store, hub);
  await migratePlacements(writer);
  const registry = new Registry(writer, artifacts);
  const jobs = new JobRecords(writer, artifacts);
  return { store, hub, writer, members: new Members(store, hub), registry, jobs };
}
