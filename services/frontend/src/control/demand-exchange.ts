import type { MessageInitShape } from "@bufbuild/protobuf";
import { type ExportMetricsServiceRequestSchema, MetricsService } from "@infaas/api";
import {
  type ClientOf,
  type Clock,
  createRpcClient,
  type DialSecurity,
  every,
  type Lifecycle,
  type Logger,
  ServiceError,
} from "@infaas/runtime";
import type { DemandCounters } from "../telemetry/demand-counters";
import type { ClusterView } from "../view/cluster-view";
import type { DemandReading } from "../view/demand-class";
import { demandAttributes, demandMetrics } from "../view/demand-metrics";
import type { DemandTable } from "../view/demand-table";
import { FRONTEND_SERVICE } from "../view/otlp-receiver";

export interface DemandExchangeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How frontends are called. */
  readonly dial: DialSecurity;
  /** Name of this frontend. */
  readonly name: string;
  readonly view: ClusterView;
  readonly counters: DemandCounters;
  readonly table: DemandTable;
  /** How often counts are exported and read. */
  readonly periodMs: number;
}

interface Peer {
  readonly client: ClientOf<typeof MetricsService> & { close(): void };
  /** An export is on its way; the next one is left out, for newer counts follow. */
  isBusy: boolean;
}

/** `AGGREGATION_TEMPORALITY_CUMULATIVE` of OTLP. */
const CUMULATIVE = 2;
/** How often a frontend reads its own counts, so that one that leads sees a burst in its first quarter of a second. */
const OWN_PERIOD_MS = 250;
/** How long one export to one frontend may take. */
const EXPORT_TIMEOUT_MS = 2_000;

/**
 * Exports the demand that this frontend counts to every other one, as OTLP metrics, so that whichever leads knows what all
 * are asked; its own counts it reads itself, more often. Until the process ends. The SDK's exporter is no way for it: that
 * repeats for ever what was counted once, and folds the classes beyond 2,000 into one.
 */
export function exchangeDemand(o: DemandExchangeOptions, lifecycle: Lifecycle): void {
  const { clock, logger, name, view, counters, table, periodMs } = o;
  const peers = new Map<string, Peer>();
  view.onMembers(() => {
    const { frontends } = view;
    const addresses = new Set(frontends.filter((f) => f.name !== name).map((f) => f.address));
    keepPeers(peers, addresses, o.dial);
    table.keepOnly(new Set([name, ...frontends.map((f) => f.name)]));
  });
  const failed = (error: unknown) => logger.error("demand not read", { error });
  const reading = every(
    clock,
    Math.min(periodMs, OWN_PERIOD_MS),
    () => table.take(name, counters.readings(), clock.nowMs()),
    failed,
  );
  const timer = every(
    clock,
    periodMs,
    () => {
      counters.sweep();
      if (peers.size === 0) return;
      const readings = counters.readings();
      const exported = demandExport(name, readings);
      for (const [address, peer] of peers) void send(peer, exported, { address, logger });
    },
    failed,
  );
  lifecycle.onStop("demand", () => {
    reading.cancel();
    timer.cancel();
    keepPeers(peers, new Set(), o.dial);
  });
}

/** Returns demand as an export of OTLP, which `readDemand` reads. */
export function demandExport(
  frontend: string,
  readings: readonly DemandReading[],
): MessageInitShape<typeof ExportMetricsServiceRequestSchema> {
  const classes = readings.map((reading) => [reading, demandAttributes(reading.demandClass)] as const);
  const metrics = Object.values(demandMetrics).map(({ name, unit, description, kind, points }) => {
    const dataPoints = classes.flatMap(([reading, ofClass]) =>
      points(reading).map(({ value, attributes }) => ({
        value: { case: "asDouble" as const, value },
        attributes: keyValues({ ...ofClass, ...attributes }),
      })),
    );
    const data =
      kind === "gauge"
        ? { case: "gauge" as const, value: { dataPoints } }
        : {
            case: "sum" as const,
            value: { dataPoints, isMonotonic: true, aggregationTemporality: CUMULATIVE },
          };
    return { name, unit, description, data };
  });
  const attributes = keyValues({ "service.name": FRONTEND_SERVICE, "service.instance.id": frontend });
  return { resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics }] }] };
}

function keyValues(attributes: Readonly<Record<string, string>>) {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: { value: { case: "stringValue" as const, value } },
  }));
}

function keepPeers(peers: Map<string, Peer>, addresses: ReadonlySet<string>, dial: DialSecurity): void {
  for (const [address, { client }] of peers) {
    if (addresses.has(address)) continue;
    client.close();
    peers.delete(address);
  }
  for (const address of addresses)
    if (!peers.has(address))
      peers.set(address, { client: createRpcClient(MetricsService, address, { dial }), isBusy: false });
}

/** One that cannot be reached hears the next export: counts are of the whole life of the process. */
async function send(
  peer: Peer,
  exported: ReturnType<typeof demandExport>,
  { address, logger }: { readonly address: string; readonly logger: Logger },
): Promise<void> {
  if (peer.isBusy) return;
  peer.isBusy = true;
  try {
    await peer.client.export(exported, { timeoutMs: EXPORT_TIMEOUT_MS });
  } catch (error) {
    logger.debug("demand not told", { address, error: ServiceError.from(error).message });
  } finally {
    peer.isBusy = false;
  }
}
