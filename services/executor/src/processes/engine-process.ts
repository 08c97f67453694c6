/**
 * Entry of an engine process: started by `EngineChild`, it opens the engines it is told to and serves their queries on links
 * of its own. A query that crashes, hangs or exhausts memory ends this process and no other.
 */
import { memberMethodRole } from "@infaas/api";
import { confineProcess } from "@infaas/cuda-batcher";
import {
  createLogger,
  createTelemetry,
  loadSecurity,
  surviveLostOutput,
  systemClock,
  tuneProcess,
} from "@infaas/runtime";
import { writableBytes } from "../profiling/confinement/resident-memory";
import { EngineHost } from "./engine-host";
import type { EngineProcessConfig } from "./engine-process-config";
import type { ProcessOrder, ProcessReport } from "./process-messages";

tuneProcess();
surviveLostOutput();

let host: Promise<EngineHost> | null = null;

process.on("disconnect", () => process.exit(0));
process.on("message", (order: ProcessOrder) => void obey(order));

async function obey(order: ProcessOrder): Promise<void> {
  if (order.kind === "start") {
    host = start(order.config);
    host.catch((fault) => {
      process.stderr.write(`${fault instanceof Error ? fault.message : String(fault)}\n`);
      process.exit(1);
    });
  } else if (host !== null) {
    await (await host).obey(order);
    if (order.kind === "stop") process.exit(0);
  }
}

async function start(config: EngineProcessConfig): Promise<EngineHost> {
  // Node maps more than it touches, and how much depends on its version.
  const ownBytes = (await writableBytes(process.pid)) ?? 0;
  confineProcess({ parentPid: config.parentPid, dataBytesMax: ownBytes + config.dataBytesMax });
  const logger = createLogger({ service: "executor", level: config.logLevel }).child({
    process: config.name,
  });
  const security = await loadSecurity(config, {
    clock: systemClock,
    logger,
    requirementOf: memberMethodRole,
  });
  const telemetry = createTelemetry({
    service: "infaas-executor",
    instance: config.name,
    otlpEndpoint: config.otlpEndpoint,
    sampleRatio: config.traceSampleRatio,
    metricPeriodMs: config.metricPeriodMs,
    dial: security.dial,
  });
  return await EngineHost.open(config, { clock: systemClock, logger, security, telemetry, report });
}

function report(message: ProcessReport): void {
  process.send?.(message, undefined, undefined, () => undefined);
}
