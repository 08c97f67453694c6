import { policyNames } from "@infaas/policy";
import { type ConfigOf, type OptionTable, securityOptions, tokenOptions } from "@infaas/runtime";

/** Every option of the frontend: meaning, trade-off, default. Wrong values stop the process at start. */
export const frontendOptions = {
  name: {
    type: "string",
    default: "frontend-1",
    doc: "Name of this frontend among the members; must be unique.",
  },
  listen: {
    type: "string",
    default: "127.0.0.1:8001",
    doc: "host:port of the gRPC face; port 0 picks a free one.",
  },
  ingress: {
    type: "string",
    default: "auto",
    choices: ["auto", "native", "grpc"],
    doc: "What reads the sockets: native = the HTTP/2 server in native code, grpc = grpc-js (more CPU per request, no add-on), auto = native where it can run.",
  },
  httpListen: {
    type: "string",
    default: "127.0.0.1:8000",
    doc: "host:port of the HTTP face (the same protocol in JSON and raw bytes); port 0 picks a free one, none turns it off.",
  },
  httpCorsOrigins: {
    type: "list",
    default: [],
    doc: "Origins of web pages that may use the HTTP face, separated by commas, or *; requests of other pages are refused.",
  },
  console: {
    type: "string",
    default: "none",
    doc: "Folder of the built console (console/dist), which the HTTP face shows at /console/; none turns it off.",
  },
  advertise: {
    type: "string",
    default: null,
    doc: "host:port under which executors reach this frontend; the listening address unless given.",
  },
  metadata: { type: "string", default: "127.0.0.1:8101", doc: "host:port of the metadata service." },
  leaseTtlMs: {
    type: "number",
    default: 5000,
    min: 500,
    max: 600_000,
    unit: "ms",
    doc: "How long this frontend stays a member without a sign of life; shorter finds a dead one sooner, longer forgives pauses.",
  },
  largeLinks: {
    type: "number",
    default: 4,
    min: 1,
    max: 16,
    doc: "Links per executor for requests above 64 KiB; more of them keep large buffers from queueing behind each other.",
  },
  inFlightMax: {
    type: "number",
    default: 4096,
    min: 1,
    max: 65_536,
    doc: "Queries in flight on one link; beyond it queries are refused with RESOURCE_EXHAUSTED, and before it those of a tenant that has as many there as are left free: one alone gets half.",
  },
  tenantInFlightMax: {
    type: "number",
    default: 8192,
    min: 1,
    max: 1_000_000,
    unit: "queries",
    doc: "Queries one tenant may have unanswered here, unless its token says otherwise; beyond it they are refused with RESOURCE_EXHAUSTED.",
  },
  tenantQueuedBytesMax: {
    type: "number",
    default: 1_073_741_824,
    min: 1_048_576,
    max: 1e12,
    unit: "bytes",
    doc: "Request bytes of one tenant held here at a time, unless its token says otherwise; beyond it queries are refused with RESOURCE_EXHAUSTED.",
  },
  coldWaitersMax: {
    type: "number",
    default: 1024,
    min: 1,
    max: 65_536,
    doc: "Queries that may wait for instances being loaded; beyond it they are refused with RESOURCE_EXHAUSTED.",
  },
  coldWaitMaxMs: {
    type: "number",
    default: 30_000,
    min: 100,
    max: 600_000,
    unit: "ms",
    doc: "Longest wait of a query without a latency objective for an instance to load.",
  },
  queryMaxMs: {
    type: "number",
    default: 60_000,
    min: 100,
    max: 3_600_000,
    unit: "ms",
    doc: "A query without deadline is given up after this long, so that none hangs.",
  },
  policy: {
    type: "string",
    default: "infaas",
    choices: policyNames,
    doc: "What selects an instance for a query and plans instances and hosts: infaas, or, for comparison, infaas-paper as the paper has it (no prediction of queues, scaled by a slack of 1.05), static-best and static-fast, one variant for each class of queries on every host that there may be (the most accurate, the one that answers most), static-mix, one plan for the peak that it is told, none, nothing scaled, slackfit, the most accurate variant that is in time on a fixed fleet that holds all, proteus, a fixed fleet planned for accuracy each period, and wva, replicas of the cheapest variant by saturation. The same for all frontends.",
  },
  policyOptions: {
    type: "list",
    default: [],
    doc: "What a policy for comparison is told, NAME=NUMBER separated by commas: a peak in queries per second by target for static-mix (digits/uci=40), period-s for proteus, period-s, saturated and spare for wva. A policy that is told what it does not know stops the process at the start.",
  },
  scaleInHoldMs: {
    type: "number",
    default: 60_000,
    min: 1_000,
    max: 3_600_000,
    unit: "ms",
    doc: "How long fewer hosts must have been enough before one goes, where hosts come and go; longer costs idle hosts, shorter starts them again. Doubles, up to ten minutes, when demand comes back too soon.",
  },
  attainmentTarget: {
    type: "number",
    default: 0.99,
    min: 0.5,
    max: 0.9999,
    doc: "Share of queries that should be answered in time, where hosts come and go; while fewer are, a violation counts for more and hosts get more room, which costs dollars.",
  },
  maxUsdPerHour: {
    type: "number",
    default: 1_000_000,
    min: 0,
    max: 1_000_000,
    unit: "US dollars",
    doc: "Most that all hosts together may cost an hour, where hosts come and go; what does not fit is answered by less accurate variants within its floor, then refused. The default bounds nothing.",
  },
  ...securityOptions,
  ...tokenOptions,
  otlpEndpoint: {
    type: "string",
    default: null,
    doc: "OTLP/gRPC address (host:port) for traces and metrics; none are exported unless given.",
  },
  traceFile: {
    type: "string",
    default: null,
    doc: "File that traces go to in Triton's JSON, beside OTLP or without it; clients may split it (log_frequency) and never say where it is.",
  },
  traceSampleRatio: {
    type: "number",
    default: 0.01,
    min: 0,
    max: 1,
    doc: "Share of queries traced when the caller's traceparent does not decide.",
  },
  metricPeriodMs: {
    type: "number",
    default: 1000,
    min: 100,
    max: 60_000,
    unit: "ms",
    doc: "Period of metric export.",
  },
  logLevel: {
    type: "string",
    default: "info",
    choices: ["debug", "info", "warn", "error"],
    doc: "Least severe level that is logged.",
  },
} as const satisfies OptionTable;

/** The frontend's options once read. */
export type FrontendConfig = ConfigOf<typeof frontendOptions>;
