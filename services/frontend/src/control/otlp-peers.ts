import type { MessageInitShape } from "@bufbuild/protobuf";
import { type ExportMetricsServiceRequestSchema, MetricsService } from "@infaas/api";
import {
  type ClientOf,
  createRpcClient,
  type DialSecurity,
  type Logger,
  ServiceError,
} from "@infaas/runtime";
import type { DemandReading } from "../view/demand-class";
import { demandAttributes, demandMetrics } from "../view/demand-metrics";
import { FRONTEND_SERVICE } from "../view/otlp-receiver";
import type { DemandPeers } from "./demand-exchange";

export interface OtlpPeersOptions {
  /** Name of this frontend. */
  readonly name: string;
  /** How frontends are called. */
  readonly dial: DialSecurity;
  readonly logger: Logger;
}

interface Peer {
  readonly client: ClientOf<typeof MetricsService> & { close(): void };
  /** An export is on its way. */
  isBusy: boolean;
}

/** `AGGREGATION_TEMPORALITY_CUMULATIVE` of OTLP. */
const CUMULATIVE = 2;
/** How long one export to one frontend may take. */
const EXPORT_TIMEOUT_MS = 2_000;

/**
 * Exports demand to other frontends as OTLP metrics. The SDK's exporter is no way for it: that repeats for ever what was
 * counted once, and folds the classes beyond 2,000 into one.
 */
export class OtlpPeers implements DemandPeers {
  private readonly peers = new Map<string, Peer>();

  constructor(private readonly o: OtlpPeersOptions) {}

  keepOnly(addresses: ReadonlySet<string>): void {
    const { dial } = this.o;
    for (const [address, { client }] of this.peers) {
      if (addresses.has(address)) continue;
      client.close();
      this.peers.delete(address);
    }
    for (const address of addresses)
      if (!this.peers.has(address))
        this.peers.set(address, {
          client: createRpcClient(MetricsService, address, { dial }),
          isBusy: false,
        });
  }

  tell(readings: () => readonly DemandReading[]): void {
    if (this.peers.size === 0) return;
    const exported = demandExport(this.o.name, readings());
    for (const [address, peer] of this.peers) void this.send(address, peer, exported);
  }

  /** One that cannot be reached hears the next export: counts are of the whole life of the process. */
  private async send(address: string, peer: Peer, exported: ReturnType<typeof demandExport>): Promise<void> {
    if (peer.isBusy) return;
    peer.isBusy = true;
    try {
      await peer.client.export(exported, { timeoutMs: EXPORT_TIMEOUT_MS });
    } catch (error) {
      this.o.logger.debug("demand not told", { address, error: ServiceError.from(error).message });
    } finally {
      peer.isBusy = false;
    }
  }
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
