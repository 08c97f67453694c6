import { type OptionTable, securityOptions, telemetryOptions } from "@infaas/runtime";

/** Every option of the metadata service. */
export const options = {
  listen: {
    type: "string",
    default: "127.0.0.1:8101",
    doc: "Address to serve gRPC on; port 0 takes a free one.",
  },
  store: {
    type: "string",
    default: "embedded",
    choices: ["embedded", "etcd", "memory"],
    doc: "Where records are kept: in a file of the data folder (one metadata process), in etcd (survives a host; several metadata processes), or in memory (lost at exit).",
  },
  dataDir: {
    type: "string",
    default: ".infaas/metadata",
    doc: "Folder of the embedded store and of the model files. With several metadata processes on etcd, a folder they share.",
  },
  artifactBytesMax: {
    type: "number",
    default: 107_374_182_400,
    min: 1_048_576,
    max: 1e15,
    unit: "bytes",
    doc: "Disk space of all model files; beyond it an upload is refused with RESOURCE_EXHAUSTED.",
  },
  artifactTenantBytesMax: {
    type: "number",
    default: 53_687_091_200,
    min: 1_048_576,
    max: 1e15,
    unit: "bytes",
    doc: "Disk space of the model files of one tenant, which its token names; beyond it an upload is refused with RESOURCE_EXHAUSTED.",
  },
  diskReserveBytes: {
    type: "number",
    default: 268_435_456,
    min: 0,
    max: 1e15,
    unit: "bytes",
    doc: "Bytes of the disk that uploads leave free, so that records and logs can still be written.",
  },
  etcd: {
    type: "list",
    default: ["http://127.0.0.1:2379"],
    doc: "Client addresses of the etcd cluster, separated by commas; used with --store etcd.",
  },
  ...securityOptions,
  otlpEndpoint: {
    type: "string",
    default: null,
    doc: "host:port of an OpenTelemetry collector for this process's own metrics; none by default.",
  },
  ...telemetryOptions,
  metricPeriodMs: {
    type: "number",
    default: 5_000,
    min: 100,
    max: 600_000,
    unit: "ms",
    doc: "How often metrics go to the collector.",
  },
  logLevel: {
    type: "string",
    default: "info",
    choices: ["debug", "info", "warn", "error"],
    doc: "The least important log line that is written.",
  },
} as const satisfies OptionTable;
