import { join } from "node:path";
import type { Clock, Logger } from "@infaas/runtime";
import { ArtifactCollection } from "./catalog/artifact-collection";
import type { ArtifactLimits } from "./catalog/artifact-space";
import { Artifacts } from "./catalog/artifacts";
import { Registry } from "./catalog/registry";
import { Members } from "./members/members";
import { migratePlacements } from "./members/placement-migration";
import { GuardedWriter } from "./records/guarded-writer";
import { WatchHub } from "./records/watch-hub";
import type { MetadataStore } from "./store/store";

/** Everything the metadata service knows and does, over one store. */
export interface Metadata {
  readonly store: MetadataStore;
  readonly hub: WatchHub;
  readonly writer: GuardedWriter;
  readonly members: Members;
  readonly registry: Registry;
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
  const hub = await WatchHub.open(store, clock, logger);
  const writer = new GuardedWriter(store, hub);
  await migratePlacements(writer);
  const collection = new ArtifactCollection({ artifacts, store, clock, logger });
  await collection.start();
  const close = async () => {
    collection.close();
    hub.close();
    await store.close();
  };
  const members = new Members(store, hub);
  const registry = new Registry(writer, artifacts);
  return { store, hub, writer, members, registry, artifacts, collection, close };
}
