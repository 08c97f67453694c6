import { join } from "node:path";
import type { Cluster } from "../cluster";
import { Inspector } from "./inspector";

/** What a process holds once its garbage is collected. */
export interface SettledMemory {
  /** JavaScript values that are in use. */
  readonly heapBytes: number;
  /** Resident memory that is not JavaScript's heap: native code's, buffers, the program itself. */
  readonly otherBytes: number;
}

/** Environment of processes that `settledMemory` will look into. */
export const settledEnvironment = { NODE_OPTIONS: "--inspect-port=0" };

/** Collections: the first makes weak references and finalisers due, the second takes what they held. */
const collections = 3;

/** Collects the garbage of a cluster's process and reads what is left. */
export function settledMemory(cluster: Cluster, name: string): Promise<SettledMemory> {
  return settledMemoryOf(cluster.pidOf(name), join(cluster.folder, "logs", `${name}.log`));
}

/** The same of any process that has this environment and logs to a file. */
export async function settledMemoryOf(pid: number, logFile: string): Promise<SettledMemory> {
  const inspector = await Inspector.open(pid, logFile);
  try {
    for (let i = 0; i < collections; i++) await inspector.call("HeapProfiler.collectGarbage");
    const expression = "process.memoryUsage()";
    const evaluated = await inspector.call("Runtime.evaluate", { expression, returnByValue: true });
    const { value } = (evaluated as { readonly result: { readonly value: NodeJS.MemoryUsage } }).result;
    return { heapBytes: value.heapUsed, otherBytes: value.rss - value.heapTotal };
  } finally {
    inspector.close();
  }
}
