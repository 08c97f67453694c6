/** What every member of a cluster does: join and stay, follow the records of metadata, transfer files by digest. */
export { ArtifactClient, type ArtifactSource } from "./artifact-transfer";
export { Membership, type MembershipOptions } from "./membership";
export { type RecordKind, RecordTable } from "./record-table";
export { followMetadata, type WatchEvents, type WatchOptions } from "./watch";
