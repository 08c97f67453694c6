import { join } from "node:path";
import { memberMethodRole } from "@infaas/api";
import {
  type ConfigOf,
  createLogger,
  createTelemetry,
  describeInstruments,
  describeOptions,
  loadSecurity,
  readConfig,
  runMain,
  type Security,
  securityFaults,
  systemClock,
  systemRandom,
} from "@infaas/runtime";
import { options } from "./config";
import { openMetadata } from "./metadata";
import { instruments, registerMetrics } from "./metrics";
import { createMetadataServer } from "./server";
import { openEmbeddedStore } from "./store/embedded-store";
import { openEtcdStore } from "./store/etcd-store";
import { openMemoryStore } from "./store/memory-store";
import type { MetadataStore } from "./store/store";

/** How long calls that run may still take at the end; watches are closed by us. */
const stopGraceMs = 1_000;

if (process.argv.includes("--help")) {
  process.stdout.write(`${describeOptions(options)}\n\nMetrics\n${describeInstruments(instruments)}\n`);
} else start();

function start(): void {
  const read = readConfig(options, process.argv.slice(2), process.env);
  const faults = read.ok ? securityFaults(read.config, [read.config.listen]) : read.faults;
  if (!read.ok || faults.length > 0) {
    process.stderr.write(`${faults.join("\n")}\n`);
    process.exit(2);
  }
  const { config } = read;
  runMain(async (lifecycle) => {
    const logger = createLogger({ service: "metadata", level: config.logLevel });
    const security = await loadSecurity(config, {
      clock: systemClock,
      logger,
      requirementOf: memberMethodRole,
    });
    lifecycle.onStop("security", () => security.close());
    const store = openStore(config, security);
    const metadata = await openMetadata({ store, dataDir: config.dataDir, clock: systemClock, logger });
    lifecycle.onStop("metadata", () => metadata.close());
    const telemetry = createTelemetry({
      service: "infaas-metadata",
      instance: config.listen,
      otlpEndpoint: config.otlpEndpoint,
      sampleRatio: 0,
      metricPeriodMs: config.metricPeriodMs,
      dial: security.dial,
    });
    lifecycle.onStop("telemetry", () => telemetry.shutdown());
    registerMetrics(telemetry.meter, metadata);
    const server = createMetadataServer(metadata, { logger, security });
    lifecycle.onStop("server", () => server.stop(stopGraceMs));
    lifecycle.onStop("watches", () => metadata.hub.close());
    const port = await server.listen(config.listen);
    logger.info("serving", { port, store: config.store, revision: String(metadata.hub.view.revision) });
  });
}

function openStore({ store, dataDir, etcd }: ConfigOf<typeof options>, { dial }: Security): MetadataStore {
  const local = { clock: systemClock, random: systemRandom };
  switch (store) {
    case "memory":
      return openMemoryStore(local);
    case "etcd":
      return openEtcdStore({ hosts: etcd, clock: systemClock, tls: () => dial.material() });
    default:
      return openEmbeddedStore(join(dataDir, "store"), local);
  }
}
