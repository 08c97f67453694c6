export { type FrontendConfig, frontendOptions } from "./config";
export { FrontendCore, type FrontendCorePorts } from "./core/frontend-core";
export { type Frontend, type FrontendPorts, startFrontend } from "./frontend";
export { acceptQuery, type IncomingQuery } from "./intake/accept-query";
export type { ExecutorLink, LinkListener, LinkQuery } from "./links/executor-link";
export type { LinkFactory, LinkOptions } from "./links/links";
export type { Body } from "./query/body";
export { TraceSettings } from "./telemetry/trace-settings";
export { QueryTraces } from "./telemetry/traces";
