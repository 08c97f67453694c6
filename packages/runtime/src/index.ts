/**
 * What every process of this system shares: time, errors, options, lifecycle, security, telemetry and RPC.
 */

export { Code, codeFrom, codeName, type ErrorDetail, ServiceError } from "./errors";
export { type Address, addressOf, formatAddress, parseAddress, withPort } from "./process/address";
export {
  type ConfigOf,
  type ConfigResult,
  describeOptions,
  type Option,
  type OptionTable,
  readConfig,
} from "./process/config";
export { type ControlGroup, controlGroups } from "./process/control-groups";
export { diskFailure, diskFreeBytes, isDiskFull } from "./process/disk-failure";
export { type HostLimits, hostLimits } from "./process/host-limits";
export { Lifecycle, runMain } from "./process/lifecycle";
export { createLogger, type Logger, type LogLevel, LogLevels } from "./process/logger";
export { surviveLostOutput } from "./process/lost-output";
export { type ProcessUsage, processUsage } from "./process/process-usage";
export { type Random, seededRandom, systemRandom } from "./process/random";
export { SharedMemoryFile } from "./process/shared-memory-file";
export { tuneProcess } from "./process/tune-process";
export { type CallOptions, type ClientOf, createRpcClient, type RpcClientOptions } from "./rpc/client/client";
export { type OpenRawStream, openRawBidi, type RawBidiOptions } from "./rpc/client/open-raw-bidi";
export { decodeMessage } from "./rpc/decode-message";
export { callLocally, type LocalCaller } from "./rpc/local/call-locally";
export { createLocalClient, type LocalClientOptions } from "./rpc/local/local-client";
export { statusPairs, trailerPairs } from "./rpc/metadata-pairs";
export type {
  CallFacts,
  GatherMessage,
  RawStream,
  RawUnaryCall,
  ServedStream,
  TrailerValues,
} from "./rpc/raw";
export type { Health } from "./rpc/server/health";
export { createRpcServer, type RpcServer, type RpcServerOptions, type ServerLoad } from "./rpc/server/server";
export { SERVER_LIMITS, type ServerLimits } from "./rpc/server-limits";
export {
  type CallContext,
  type HandlersOf,
  type Implementation,
  implementService,
  methodPath,
} from "./rpc/service";
export { retryDelayMs, retryInfo } from "./rpc/status";
export type { Transport, TransportCall, TransportListener } from "./rpc/transport";
export { runService, type Service, type ServiceFacts, type ServiceWorld } from "./run-service";
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
export { createTelemetry } from "./telemetry/create-telemetry";
export { Histogram, type HistogramPoint } from "./telemetry/histogram";
export { describeInstruments, type Instrument, type InstrumentTable } from "./telemetry/instruments";
export { otelVariables } from "./telemetry/otel-variables";
export { createSampler, type FinishedSpan, type SpanRecorder } from "./telemetry/span-recorder";
export type { Telemetry } from "./telemetry/telemetry";
export { telemetryOptions } from "./telemetry/telemetry-options";
export { formatTraceparent, parseTraceparent, type SpanContext } from "./telemetry/trace-context";
export { Backoff, type BackoffOptions, backoffMs } from "./time/backoff";
export { deferred, settledWithin } from "./time/bounded-wait";
export { type Clock, every, sleep, systemClock, type Timer } from "./time/clock";
export { nextTurn } from "./time/next-turn";
export { VirtualClock } from "./time/virtual-clock";
