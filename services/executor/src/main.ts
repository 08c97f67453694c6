import { memberMethodRole } from "@infaas/api";
import {
  createLogger,
  createTelemetry,
  describeInstruments,
  describeOptions,
  loadSecurity,
  readConfig,
  runMain,
  securityFaults,
  systemClock,
  systemRandom,
  tuneProcess,
} from "@infaas/runtime";
import { executorOptions } from "./config";
import { nativeEngines, nativeEngineVersion } from "./engines/native-engine";
import { instruments } from "./metrics";
import { linkListenFaults } from "./serving/link-listen";
import { startExecutor } from "./start-executor";

tuneProcess();

if (process.argv.includes("--help")) {
  process.stdout.write(
    `${describeOptions(executorOptions)}\n\nMetrics\n${describeInstruments(instruments)}\n`,
  );
} else start();

function start(): void {
  const read = readConfig(executorOptions, process.argv.slice(2), process.env);
  const faults = read.ok
    ? [...securityFaults(read.config, [read.config.listen]), ...linkListenFaults(read.config)]
    : read.faults;
  if (!read.ok || faults.length > 0) {
    process.stderr.write(`${faults.join("\n")}\n`);
    process.exit(2);
  }
  const { config } = read;
  runMain(async (lifecycle) => {
    const logger = createLogger({ service: "executor", level: config.logLevel }).child({
      executor: config.name,
    });
    const security = await loadSecurity(config, {
      clock: systemClock,
      logger,
      requirementOf: memberMethodRole,
    });
    lifecycle.onStop("security", () => security.close());
    const telemetry = createTelemetry({
      service: "infaas-executor",
      instance: config.name,
      otlpEndpoint: config.otlpEndpoint,
      sampleRatio: config.traceSampleRatio,
      metricPeriodMs: config.metricPeriodMs,
      dial: security.dial,
    });
    lifecycle.onStop("telemetry", () => telemetry.shutdown());
    // Before anything is served: without the library the process ends here and not at the first load.
    const engine = nativeEngineVersion();
    const base = { clock: systemClock, random: systemRandom, logger, telemetry, lifecycle, security };
    const address = await startExecutor(config, { ...base, engines: nativeEngines });
    logger.info("serving", { address, engine, cores: config.cores, memoryBytes: config.memoryBytes });
  });
}
