/**
 * What every member of a cluster does: join and stay, follow the records of metadata, transfer files by
 * digest.
 */
export { actingFor, readerOf, writerOf } from "./acting-user";
export { ArtifactClient, type ArtifactSource, digestInTurns, digestOfBytes } from "./artifact-transfer";
export { MEMBER_CALL_TIMEOUT_MS, RECORD_CALL_TIMEOUT_MS, USER_CALL_TIMEOUT_MS } from "./call-limits";
export { type MemberInit, Membership, type MembershipOptions } from "./membership";
export { MetricTargets } from "./metric-targets";
export { type PutRecord, type RecordKind, RecordTable, type TableChanges } from "./record-table";
export { followMetadata, type WatchListener, type WatchOptions } from "./watch";
