/** The metadata service: what exists and what should exist. */
export { Artifacts } from "./catalog/artifacts";
export { options } from "./config";
export { type Metadata, type MetadataOptions, openMetadata } from "./metadata";
export { createMetadataServer } from "./server";
export { openEmbeddedStore } from "./store/embedded-store";
export { openEtcdStore } from "./store/etcd-store";
export { openMemoryStore } from "./store/memory-store";
export type { MetadataStore } from "./store/store";
