#!/usr/bin/env node
import { memberMethodRole } from "@infaas/api";
import { hostLimits, runService, tuneProcess } from "@infaas/runtime";
import { executorOptions } from "./config";
import { sizedFor } from "./core/sized-config";
import { deviceEngineVersion, deviceFaults } from "./engines/device";
import { nativeEngineVersion } from "./engines/native-engine";
import { instruments } from "./metrics";
import { linkListenFaults } from "./serving/link-listen";
import { startExecutor } from "./start-executor";

tuneProcess();

runService({
  name: "infaas-executor",
  options: executorOptions,
  instruments,
  requirementOf: memberMethodRole,
  about: (config) => ({
    listens: [config.listen],
    faults: [...linkListenFaults(config), ...deviceFaults(config)],
    instance: config.name,
    logFields: { service: "executor", executor: config.name },
    traceSampleRatio: config.traceSampleRatio,
  }),
  start: async (options, world) => {
    const config = sizedFor(options, hostLimits());
    // Asked for first, so that a machine without it is told at the start and not by the first load.
    const engine = nativeEngineVersion();
    const device = config.device === null ? "none" : deviceEngineVersion(config.device);
    const address = await startExecutor(config, { ...world, engines: null });
    const { cores, memoryBytes } = config;
    world.logger.info("serving", { address, engine, device, cores, memoryBytes });
  },
});
