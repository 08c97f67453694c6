import {
  createLogger,
  describeInstruments,
  describeOptions,
  readConfig,
  runMain,
  systemClock,
  systemRandom,
  tuneProcess,
} from "@infaas/runtime";
import { frontendOptions } from "./config";
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
    if (!read.ok) {
      process.stderr.write(`${read.faults.join("\n")}\n`);
      process.exitCode = 2;
      return;
    }
    const { config } = read;
    const logger = createLogger({ service: config.name, level: config.logLevel });
    await startFrontend(
      config,
      { clock: systemClock, random: systemRandom, logger, version: VERSION },
      lifecycle,
    );
  });
}
