import type { CoreShare, EnginePort } from "./engine-port";

/** Returns the port with `cores` for every engine that is opened. */
export function gatedEngines(engines: EnginePort, cores: CoreShare): EnginePort {
  return { open: (options) => engines.open({ ...options, cores }) };
}
