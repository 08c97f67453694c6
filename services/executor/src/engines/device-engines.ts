import { Code, ServiceError } from "@infaas/runtime";
import type { EnginePort } from "./engine-port";

/** Returns the port with every engine on this device. */
export function enginesOn(device: string, engines: EnginePort): EnginePort {
  return { open: (options) => engines.open({ ...options, onDevice: true, device }) };
}

/** Returns the port with `device` for every engine that runs on one; null: there is none, and such an engine is refused. */
export function deviceEngines(engines: EnginePort, device: string | null): EnginePort {
  return {
    open: async (options) => {
      if (options.onDevice !== true) return await engines.open(options);
      if (device !== null) return await engines.open({ ...options, device });
      const variant = options.owner?.variant ?? options.path;
      throw new ServiceError(
        Code.FAILED_PRECONDITION,
        `${variant} runs on a device, this executor has none (--device)`,
      );
    },
  };
}
