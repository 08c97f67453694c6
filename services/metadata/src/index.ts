/** The metadata service: what exists and what should exist. */
export { Artifacts } from "./artifacts";
export { options } from "./config";
export { openEmbeddedStore } from "./embedded-store";
export { openEtcdStore } from "./etcd-store";
export { openMemoryStore } from "./memory-store";
export { type Metadata, type MetadataOptions, openMetadata } from "./metadata";
export { createMetadataServer } from "./server";
export type { MetadataStore } from "./store";
