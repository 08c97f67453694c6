#!/usr/bin/env node
import { join } from "node:path";
import { memberMethodRole } from "@infaas/api";
import {
  type ConfigOf,
  runService,
  type Security,
  type ServiceWorld,
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
const STOP_GRACE_MS = 1_000;

runService({
  name: "infaas-metadata",
  options,
  instruments,
  requirementOf: memberMethodRole,
  about: ({ listen }) => ({
    listens: [listen],
    instance: listen,
    logFields: { service: "metadata" },
    traceSampleRatio: 0,
  }),
  start,
});

async function start(config: ConfigOf<typeof options>, world: ServiceWorld): Promise<void> {
  const { clock, logger, security, telemetry, lifecycle } = world;
  const store = openStore(config, security);
  const artifactLimits = {
    bytesMax: config.artifactBytesMax,
    tenantBytesMax: config.artifactTenantBytesMax,
    reserveBytes: config.diskReserveBytes,
  };
  const metadata = await openMetadata({ store, dataDir: config.dataDir, clock, logger, artifactLimits });
  lifecycle.onStop("metadata", () => metadata.close());
  registerMetrics(telemetry.meter, metadata);
  const server = createMetadataServer(metadata, { logger, security });
  lifecycle.onStop("server", () => server.stop(STOP_GRACE_MS));
  lifecycle.onStop("watches", () => metadata.hub.close());
  const port = await server.listen(config.listen);
  logger.info("serving", { port, store: config.store, revision: String(metadata.hub.view.revision) });
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
