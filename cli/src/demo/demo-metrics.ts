import {
  type ExportMetricsServiceRequest,
  type KeyValue,
  MetricsService,
  type NumberDataPoint,
  TraceService,
} from "@infaas/api";
import { createLogger, createRpcServer, implementService, type RpcServer } from "@infaas/runtime";

/** What the system's own metrics say now; counts since its processes began. */
export interface SystemFigures {
  readonly offered: number;
  readonly inTime: number;
  readonly late: number;
  readonly refused: number;
  readonly givenUp: number;
  /** Hosts by state. */
  readonly hosts: Readonly<Record<string, number>>;
  /** Ready instances that queries are sent to. */
  readonly instances: number;
}

/** Time that calls may take to end when the receiver stops. */
const STOP_GRACE_MS = 200;

/** Data points of one export by the name of their metric. */
type Export = ReadonlyMap<string, readonly NumberDataPoint[]>;

/** A collector that keeps the latest export of every process: OpenTelemetry metrics as anybody may receive them. */
export class DemoMetrics {
  private readonly exports = new Map<string, Export>();

  private constructor(
    private readonly server: RpcServer,
    /** host:port to export to. */
    readonly address: string,
  ) {}

  static async listen(): Promise<DemoMetrics> {
    const server = createRpcServer({
      logger: createLogger({ service: "demo-metrics", write: () => undefined }),
    });
    let metrics: DemoMetrics | null = null;
    server.add(
      implementService(MetricsService, {
        export: async (request) => {
          metrics?.take(request);
          return {};
        },
      }),
    );
    server.add(implementService(TraceService, { export: async () => ({}) }));
    metrics = new DemoMetrics(server, `127.0.0.1:${await server.listen("127.0.0.1:0")}`);
    return metrics;
  }

  stop(): Promise<void> {
    return this.server.stop(STOP_GRACE_MS);
  }

  figures(): SystemFigures {
    const ended = this.all("infaas.frontend.demand.ended");
    const outcome = (name: string) => sum(ended.filter((p) => text(p.attributes, "outcome") === name));
    const hosts: Record<string, number> = {};
    for (const point of this.all("infaas.frontend.hosts"))
      hosts[text(point.attributes, "state")] = numberAt(point);
    return {
      offered: sum(this.all("infaas.frontend.demand.offered")),
      inTime: outcome("in_time"),
      late: outcome("late"),
      refused: outcome("refused"),
      givenUp: outcome("given_up"),
      hosts,
      instances: sum(this.all("infaas.frontend.instances")),
    };
  }

  private all(name: string): readonly NumberDataPoint[] {
    return [...this.exports.values()].flatMap((points) => points.get(name) ?? []);
  }

  private take({ resourceMetrics }: ExportMetricsServiceRequest): void {
    for (const { resource, scopeMetrics } of resourceMetrics) {
      const instance = text(resource?.attributes ?? [], "service.instance.id");
      const points = new Map<string, readonly NumberDataPoint[]>();
      for (const { name, data } of scopeMetrics.flatMap((scope) => scope.metrics)) {
        if (data.case === "gauge" || data.case === "sum") points.set(name, data.value.dataPoints);
      }
      this.exports.set(instance, points);
    }
  }
}

function sum(points: readonly NumberDataPoint[]): number {
  return points.reduce((total, point) => total + numberAt(point), 0);
}

function numberAt({ value }: NumberDataPoint): number {
  return Number(value.value ?? 0);
}

function text(attributes: readonly KeyValue[], key: string): string {
  const value = attributes.find((a) => a.key === key)?.value?.value;
  return value?.case === "stringValue" ? value.value : "";
}
