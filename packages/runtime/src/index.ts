/** How a process of this system lives: its clock, its errors, its options, its end, and how it talks. */
export { type Clock, every, sleep, systemClock, type Timer } from "./clock";
export {
  type ConfigOf,
  type ConfigResult,
  describeOptions,
  type Option,
  type OptionTable,
  readConfig,
} from "./config";
export { Code, codeName, type ErrorDetail, ServiceError } from "./errors";
export { describeInstruments, type Instrument, type InstrumentTable } from "./instruments";
export { Lifecycle, runMain } from "./lifecycle";
export { createLogger, type Logger, type LogLevel, LogLevels } from "./logger";
export { type Random, seededRandom, systemRandom } from "./random";
export { callLocally, type LocalCaller } from "./rpc/call-locally";
export { type CallOptions, type ClientOf, createRpcClient, type RpcClientOptions } from "./rpc/client";
export { decodeMessage } from "./rpc/decode-message";
export type { Health } from "./rpc/health";
export { type OpenRawStream, openRawBidi, type RawBidiOptions } from "./rpc/open-raw-bidi";
export type { GatherMessage, RawStream, RawUnaryCall, ServedStream, TrailerValues } from "./rpc/raw";
export { createRpcServer, type RpcServer, type RpcServerOptions, type ServerLoad } from "./rpc/server";
export { type ServerLimits, serverLimitsDefault } from "./rpc/server-limits";
export {
  type CallContext,
  type HandlersOf,
  type Implementation,
  implementService,
  methodPath,
} from "./rpc/service";
export { retryDelayMs, retryInfo } from "./rpc/status";
export { statusPairs, trailerPairs } from "./rpc/trailer-pairs";
export type { Transport, TransportCall, TransportListener } from "./rpc/transport";
export { createTransportServer, type TransportServerOptions } from "./rpc/transport-server";
export type { CallGuard, GuardedCall } from "./security/call-guard";
export { type Caller, type CallerQuota, type Requirement, type Role, unnamedCaller } from "./security/caller";
export { type DialOptions, type DialSecurity, dialPlain, dialWith } from "./security/dial-security";
export { loadSecurity, type MemberCredentials, openSecurity, type Security } from "./security/security";
export {
  isLoopback,
  type SecurityConfig,
  securityFaults,
  securityOptions,
  tokenOptions,
} from "./security/security-options";
export type { TlsIdentity } from "./security/tls-identity";
export { tokenDigest } from "./security/tokens";
export { SharedMemoryFile } from "./shared-memory-file";
export { createSampler, type FinishedSpan, type SpanRecorder } from "./span-recorder";
export { createTelemetry, type Telemetry } from "./telemetry";
export { formatTraceparent, parseTraceparent, type SpanContext } from "./trace-context";
export { tuneProcess } from "./tune-process";
export { VirtualClock } from "./virtual-clock";
