import { type ConfigOf, type OptionTable, securityOptions, telemetryOptions } from "@infaas/runtime";

/** Every option of an executor. */
export const executorOptions = {
  name: {
    type: "string",
    default: "exec-1",
    doc: "Name in the cluster; placements are addressed to it, so it outlives restarts.",
  },
  listen: {
    type: "string",
    default: "127.0.0.1:8201",
    doc: "host:port of the gRPC face; frontends open their links to it.",
  },
  advertise: {
    type: "string",
    default: null,
    doc: "host:port that frontends are told; default: what `listen` says, with the bound port.",
  },
  linkListen: {
    type: "string",
    default: null,
    doc: "host:port of the native links, which frontends prefer; `none`: links inside gRPC only; default: the host of `listen`, any free port, and none where members speak TLS.",
  },
  metadata: { type: "string", default: "127.0.0.1:8101", doc: "host:port of the metadata service." },
  dataDir: {
    type: "string",
    default: ".infaas/executor",
    doc: "Folder for downloaded model files; may be lost at any time.",
  },
  modelFilesBytesMax: {
    type: "number",
    default: 10_737_418_240,
    min: 1_048_576,
    max: 1e15,
    unit: "bytes",
    doc: "Disk space for downloaded model files; beyond it those unused for longest are removed and downloaded again when needed.",
  },
  cores: {
    type: "number",
    default: null,
    min: 0.05,
    max: 1024,
    unit: "cores",
    doc: "CPU time this executor is given, in cores; utilisation is relative to it. Threads are planned for whole cores, one at the least. Whoever starts the process sees to it that it gets no more. Default: the quota of its cgroup, else all cores that it may run on.",
  },
  memoryBytes: {
    type: "number",
    default: null,
    min: 1_048_576,
    max: 1e13,
    unit: "bytes",
    doc: "Memory all loaded instances may take together; beyond it the least recently used idle ones make room. Default: half of the limit of its cgroup, else of the machine's memory.",
  },
  hostType: { type: "string", default: "local-cpu", doc: "Kind of host; profiles hold for one kind." },
  pricePerHour: {
    type: "number",
    default: 0.384,
    min: 0,
    max: 10_000,
    unit: "US dollars",
    doc: "Price of this host for one hour.",
  },
  device: {
    type: "string",
    default: null,
    doc: "Device that variants run on beside the CPU, by the kernel module: `cuda:0` (or another number), or `host`, a device made of the CPU for development, of which host type and receipts tell. Default: none.",
  },
  isolation: {
    type: "string",
    default: "shared",
    choices: ["shared", "model", "variant", "none"],
    doc: "Which variants share an engine process: all (`shared`), those of an architecture (`model`), or each has its own (`variant`), at the price of some 50 MiB each (docs/benchmarks.md, density). A variant that ended its process, or may have, gets its own in any case. `none`: engines run in the executor's own process, where one query can end all.",
  },
  coreGate: {
    type: "boolean",
    default: false,
    doc: "Batches of all instances take their cores from one gate before they run, so that together they run no more threads than `cores` (docs/decisions/0043-core-gate.md). Runs take what was measured of them then, but a batch waits for runs of other models to end; without it the system divides the cores.",
  },
  leaseTtlMs: {
    type: "number",
    default: 5_000,
    min: 300,
    max: 600_000,
    unit: "ms",
    doc: "How long the cluster waits for a sign of life. Shorter: a dead executor is noticed sooner; longer: a stall is forgiven.",
  },
  queueRowsMax: {
    type: "number",
    default: 4_096,
    min: 1,
    max: 1_000_000,
    unit: "rows",
    doc: "Rows that may wait per instance; beyond it a query is refused at once with RESOURCE_EXHAUSTED.",
  },
  queueBytesMax: {
    type: "number",
    default: 268_435_456,
    min: 1_048_576,
    max: 1e12,
    unit: "bytes",
    doc: "Bytes that may wait per instance; beyond it a query is refused at once with RESOURCE_EXHAUSTED.",
  },
  profileStageMsMax: {
    type: "number",
    default: 150_000,
    min: 1_000,
    max: 86_400_000,
    unit: "ms",
    doc: "Longest stage of a registration (loading, probing, one profile); a model that takes longer is refused with DEADLINE_EXCEEDED. At least the time of a validation run.",
  },
  profileMsMax: {
    type: "number",
    default: 1_200_000,
    min: 1_000,
    max: 86_400_000,
    unit: "ms",
    doc: "All stages of a registration together; beyond it the model is refused with DEADLINE_EXCEEDED.",
  },
  profileMemoryBytesMax: {
    type: "number",
    default: 4_294_967_296,
    min: 268_435_456,
    max: 1e13,
    unit: "bytes",
    doc: "Resident memory of the process that loads and measures one model; beyond it, and beyond three quarters of what the host gives, the model is refused with RESOURCE_EXHAUSTED. A model is open twice while it is measured.",
  },
  linkInFlightMax: {
    type: "number",
    default: 4_096,
    min: 1,
    max: 1_000_000,
    unit: "queries",
    doc: "Queries one link may have unanswered; beyond it they are refused with RESOURCE_EXHAUSTED.",
  },
  ...securityOptions,
  metricPeriodMs: {
    type: "number",
    default: 1_000,
    min: 100,
    max: 600_000,
    unit: "ms",
    doc: "How often metrics go to every frontend.",
  },
  otlpEndpoint: {
    type: "string",
    default: null,
    doc: "host:port of an OpenTelemetry collector for traces and metrics; none by default.",
  },
  ...telemetryOptions,
  traceSampleRatio: {
    type: "number",
    default: 0,
    min: 0,
    max: 1,
    doc: "Share of traces begun here; queries are sampled by the frontend that received them.",
  },
  logLevel: {
    type: "string",
    default: "info",
    choices: ["debug", "info", "warn", "error"],
    doc: "Least severe line that is written.",
  },
} as const satisfies OptionTable;

/** The executor's options as they are told. */
export type ExecutorOptions = ConfigOf<typeof executorOptions>;

/** The executor's options with the sizes of its host. */
export interface ExecutorConfig extends ExecutorOptions {
  readonly cores: number;
  readonly memoryBytes: number;
}

/** Cores that threads are planned for: a part of a core runs no thread of its own. */
export function wholeCores(cores: number): number {
  return Math.max(1, Math.floor(cores));
}
