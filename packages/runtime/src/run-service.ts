import { type ConfigOf, describeOptions, type Option, type OptionTable, readConfig } from "./process/config";
import { type Lifecycle, runMain } from "./process/lifecycle";
import { createLogger, type Logger, type LogLevel } from "./process/logger";
import { type Random, systemRandom } from "./process/random";
import type { Requirement } from "./security/caller";
import { loadSecurity, type Security } from "./security/security";
import { type SecurityConfig, securityFaults } from "./security/security-options";
import { createTelemetry } from "./telemetry/create-telemetry";
import { describeInstruments, type InstrumentTable } from "./telemetry/instruments";
import { type OtlpProtocol, otelVariables } from "./telemetry/otel-variables";
import type { Telemetry } from "./telemetry/telemetry";
import { type Clock, systemClock } from "./time/clock";

/**
 * Ports of a service's process: clock, random numbers, logger, telemetry, lifecycle. What a service opens is closed through `lifecycle`, the last first.
 */
export interface ServiceWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly security: Security;
  readonly telemetry: Telemetry;
  readonly lifecycle: Lifecycle;
}

/** Options that `runService` reads itself. */
type CommonConfig = SecurityConfig & {
  readonly logLevel: LogLevel;
  readonly otlpEndpoint: string | null;
  readonly otlpProtocol: OtlpProtocol;
  readonly metricPeriodMs: number;
};

/** A service as `runService` sees it. */
export interface Service<T extends OptionTable> {
  /** `service.name` of its telemetry: `infaas-…`. */
  readonly name: string;
  readonly options: T;
  readonly instruments: InstrumentTable;
  /** Role that a method needs; undefined: the method is unknown. */
  readonly requirementOf: (path: string) => Requirement | undefined;
  about(config: ConfigOf<T>): ServiceFacts;
  /** Resolves once it serves; what it throws ends the process with status 1. */
  start(config: ConfigOf<T>, world: ServiceWorld): Promise<unknown>;
}

/** What follows from the options of a service. */
export interface ServiceFacts {
  /** `host:port` of every server it opens. */
  readonly listens: readonly string[];
  /** What contradicts itself, beside what `securityFaults` finds; default: nothing. */
  readonly faults?: readonly string[];
  /** `service.instance.id` of its telemetry. */
  readonly instance: string;
  /** Fields of every log line. */
  readonly logFields: { readonly service: string };
  /** Share of traces that are sampled where the caller did not decide, 0 to 1. */
  readonly traceSampleRatio: number;
}

/**
 * Runs the process of a service. `--help` prints its options and metrics. Wrong options are printed, all of
 * them, and end it with status 2. Signals stop it in order.
 */
export function runService<
  const T extends OptionTable & Record<Exclude<keyof CommonConfig, "tokens">, Option>,
>(service: Service<T>): void {
  const { options, instruments } = service;
  if (process.argv.includes("--help")) {
    process.stdout.write(`${describeOptions(options)}\n\nMetrics\n${describeInstruments(instruments)}\n`);
    return;
  }
  const otel = otelVariables(process.env);
  const read = readConfig(options, process.argv.slice(2), { ...otel.values, ...process.env });
  const wrong = read.ok ? faultsOf(service, read.config as ConfigOf<T> & CommonConfig) : read.faults;
  const faults = [...otel.faults, ...wrong];
  if (!read.ok || faults.length > 0) {
    process.stderr.write(`${faults.join("\n")}\n`);
    process.exitCode = 2;
    return;
  }
  const config = read.config as ConfigOf<T> & CommonConfig;
  runMain(async (lifecycle) => {
    await service.start(config, await openWorld(service, config, lifecycle));
  });
}

function faultsOf<T extends OptionTable>(
  service: Service<T>,
  config: ConfigOf<T> & CommonConfig,
): readonly string[] {
  const { listens, faults = [] } = service.about(config);
  return [...securityFaults(config, listens), ...faults];
}

async function openWorld<T extends OptionTable>(
  { name, requirementOf, about }: Service<T>,
  config: ConfigOf<T> & CommonConfig,
  lifecycle: Lifecycle,
): Promise<ServiceWorld> {
  const { instance, logFields, traceSampleRatio: sampleRatio } = about(config);
  const { service, ...fields } = logFields;
  const { logLevel, otlpEndpoint, otlpProtocol, metricPeriodMs } = config;
  const logger = createLogger({ service, level: logLevel }).child(fields);
  const clock = systemClock;
  const security = await loadSecurity(config, { clock, logger, requirementOf });
  lifecycle.onStop("security", () => security.close());
  const { dial } = security;
  const telemetry = createTelemetry({
    service: name,
    instance,
    otlpEndpoint,
    otlpProtocol,
    sampleRatio,
    metricPeriodMs,
    dial,
  });
  lifecycle.onStop("telemetry", () => telemetry.shutdown());
  return { clock, random: systemRandom, logger, security, telemetry, lifecycle };
}
