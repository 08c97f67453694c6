import { userMethodRole } from "@infaas/api";
import {
  createLogger,
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
import { type FrontendConfig, frontendOptions } from "./config";
import { startFrontend } from "./frontend";
import { instruments } from "./metrics";
import { VERSION } from "./version";

tuneProcess();

if (process.argv.includes("--help")) {
  process.stdout.write(
    `${describeOptions(frontendOptions)}\n\nMetrics\n${describeInstruments(instruments)}\n`,
  );
} else {
  runMain(async (lifecycle) => {
    const read = readConfig(frontendOptions, process.argv.slice(2), process.env);
    const faults = read.ok ? securityFaults(read.config, listensOf(read.config)) : read.faults;
    if (!read.ok || faults.length > 0) {
      process.stderr.write(`${faults.join("\n")}\n`);
      process.exitCode = 2;
      return;
    }
    const { config } = read;
    const logger = createLogger({ service: config.name, level: config.logLevel });
    const world = { clock: systemClock, logger };
    const security = await loadSecurity(config, { ...world, requirementOf: userMethodRole });
    lifecycle.onStop("security", () => security.close());
    const ports = { ...world, random: systemRandom, version: VERSION, security };
    await startFrontend(config, ports, lifecycle);
  });
}

/** Addresses that this process listens on. */
function listensOf({ listen, httpListen }: FrontendConfig): readonly string[] {
  return httpListen === "none" ? [listen] : [listen, httpListen];
}
