/**
 * The metrics of an executor. It exports them to every frontend, which selects by them: the name of each
 * stands here alone. Those of instances carry the attributes `executor` and `variant`, the others `executor`.
 */
export const executorMetrics = {
  utilisation: {
    name: "infaas.executor.utilisation",
    unit: "1",
    description: "Busy share of this executor's cores.",
  },
  coresInUse: {
    name: "infaas.executor.cores.in_use",
    unit: "{core}",
    description: "Cores that batches run on now, as the core gate gave them out.",
  },
  memoryFree: {
    name: "infaas.executor.memory.free",
    unit: "By",
    description: "Memory neither set aside for an instance nor taken beyond that, as measured.",
  },
  memoryResident: {
    name: "infaas.executor.memory.resident",
    unit: "By",
    description: "Resident memory of the executor and of each of its engine processes.",
  },
  inFlight: {
    name: "infaas.executor.in_flight",
    unit: "{query}",
    description: "Queries accepted by all instances and not answered.",
  },
  served: { name: "infaas.instance.served", unit: "{item}", description: "Rows answered." },
  refused: {
    name: "infaas.instance.refused",
    unit: "{query}",
    description: "Queries refused by an instance.",
  },
  latency: {
    name: "infaas.instance.latency",
    unit: "ms",
    description: "95th percentile of what the engine took for a batch in the last second.",
  },
  drain: {
    name: "infaas.instance.drain",
    unit: "ms",
    description: "Predicted time until the queue is answered.",
  },
  queued: { name: "infaas.instance.queued", unit: "{item}", description: "Rows waiting for a batch." },
  batch: {
    name: "infaas.instance.batch",
    unit: "{item}",
    description: "Mean rows per batch in the last second.",
  },
  coreWaits: {
    name: "infaas.instance.core.waits",
    unit: "{batch}",
    description: "Batches that waited for cores of the host.",
  },
  coreWaited: {
    name: "infaas.instance.core.waited",
    unit: "s",
    description: "How long batches waited for cores of the host, together.",
  },
  rechecked: {
    name: "infaas.instance.rechecked",
    unit: "{query}",
    description: "Queries that shared a batch and were run again alone.",
  },
  recheckDiffered: {
    name: "infaas.instance.recheck.differed",
    unit: "{query}",
    description: "Queries run again alone that were answered otherwise than in their batch.",
  },
} as const;
