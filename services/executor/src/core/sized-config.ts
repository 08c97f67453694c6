import type { HostLimits } from "@infaas/runtime";
import type { ExecutorConfig, ExecutorOptions } from "../config";

/** Share of the host's memory that a registration may take at the most. */
const PROFILE_MEMORY_SHARE = 0.75;

/** The options, with sizes as the host gives them where none are told: all its cores and half of its memory. */
export function sizedFor(options: ExecutorOptions, host: HostLimits): ExecutorConfig {
  const { cores, memoryBytes, profileMemoryBytesMax } = options;
  return {
    ...options,
    cores: cores ?? host.cores,
    memoryBytes: memoryBytes ?? Math.floor(host.memoryBytes / 2),
    profileMemoryBytesMax: Math.min(
      profileMemoryBytesMax,
      Math.floor(host.memoryBytes * PROFILE_MEMORY_SHARE),
    ),
  };
}
