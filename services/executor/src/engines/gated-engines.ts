import type { CoreShare, EnginePort } from "./engine-port";

/** Returns the port with `cores` for every engine that is opened; as it is where they are not shared out (null). */
export function gatedEngines(engines: EnginePort, cores: CoreShare | null): EnginePort {
  if (cores === null) return engines;
  return { open: (options) => engines.open({ ...options, cores }) };
}
