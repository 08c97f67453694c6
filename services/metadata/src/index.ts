/** The metadata service: what exists and what should exist. */
export { Artifacts } from "./catalog/artifacts";
export type { ArtifactLookup } from "./catalog/registry";
export { options } from "./config";
export {
  type Metadata,
  type MetadataOptions,
  type MetadataRecords,
  openMetadata,
  openRecords,
  type RecordsOptions,
} from "./metadata";
export { clusterService, createMetadataServer, registryService } from "./server";
export { openEmbeddedStore } from "./store/embedded-store";
export { openEtcdStore } from "./store/etcd-store";
export { openMemoryStore } from "./store/memory-store";
export type { MetadataStore } from "./store/store";
