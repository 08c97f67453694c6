import { type ExportMetricsServiceRequest, MetricsService } from "@infaas/api";
import { MetricTargets } from "@infaas/cluster";
import {
  createLogger,
  createRpcServer,
  createTelemetry,
  deferred,
  implementService,
  Lifecycle,
  processUsage,
  systemClock,
} from "@infaas/runtime";
import { readFigures } from "./core/read-figures";
import { Executor } from "./instances/executor";
import { LiveFigures } from "./instances/live-figures";
import { Utilisation } from "./instances/utilisation";
import { instruments, registerMetrics } from "./metrics";
import { bareSpec } from "./testing/bare-spec";
import { MemoryEngines } from "./testing/memory-engine";

const logger = createLogger({ service: "test", write: () => undefined });
const tensor = { name: "x", datatype: "UINT8", dims: [-1, 1] };
const echo = { inputs: [tensor], outputs: [tensor], batchable: true, run: (i: readonly Uint8Array[]) => i };
const spec = { ...bareSpec("v", 2), memoryBytes: 30 };

/** The newest value of each metric by name, as a frontend's receiver sees it. */
class Receiver {
  readonly values = new Map<string, { value: number; variant: string | undefined }>();
  readonly server = createRpcServer({ logger });
  private changed = deferred();

  constructor() {
    this.server.add(implementService(MetricsService, { export: async (request) => this.take(request) }));
  }

  async until(check: () => boolean): Promise<void> {
    while (!check()) await this.changed.promise;
  }

  private take(request: ExportMetricsServiceRequest) {
    for (const { name, data } of request.resourceMetrics
      .flatMap((r) => r.scopeMetrics)
      .flatMap((s) => s.metrics)) {
      if (data.case !== "gauge" && data.case !== "sum") continue;
      for (const { value, attributes } of data.value.dataPoints) {
        const variant = attributes.find(({ key }) => key === "variant")?.value?.value.value;
        const text = typeof variant === "string" ? variant : undefined;
        this.values.set(name, { value: Number(value.value), variant: text });
      }
    }
    this.changed.resolve();
    this.changed = deferred();
    return {};
  }
}

describe("registerMetrics", () => {
  const life = new Lifecycle();
  afterAll(() => life.stop());

  it("tells every frontend what this executor and its instances do", async () => {
    const receiver = new Receiver();
    life.onStop("receiver", () => receiver.server.stop(100));
    const address = `127.0.0.1:${await receiver.server.listen("127.0.0.1:0")}`;
    const origin = { service: "infaas-executor", instance: "exec-1", otlpEndpoint: null, sampleRatio: 0 };
    const telemetry = createTelemetry({ ...origin, metricPeriodMs: 100 });
    life.onStop("telemetry", () => telemetry.shutdown());
    const clock = systemClock;
    const limits = { queueRowsMax: 8, queueBytesMax: 64 };
    const engines = new MemoryEngines(echo);
    const ports = { clock, engines, modelFile: async () => "/model", ...limits };
    const executor = new Executor({ name: "exec-1", memoryBytes: 100, ports, logger });
    const figures = new LiveFigures(clock);
    const utilisation = new Utilisation(clock, 1, processUsage.cpuUs);
    const rechecks = new Map([["v", { checked: 5, differed: 2 }]]);
    const batching = { entries: () => rechecks };
    const processes = () => [{ name: "executor", residentBytes: 1_000 }];
    const coresInUse = () => 2;
    const sources = { executor, batching, figures, utilisation, coresInUse, processes, clock };
    registerMetrics(telemetry.meter, () => readFigures(sources));
    executor.setDesired([{ spec, desiredAtMs: 0 }]);
    const times = { queueMs: 9, gatherMs: 1, runMs: 2, scatterMs: 3 };
    const answer = { outputs: [], outputDims: [], batchSize: 4, ...times, release: () => undefined };
    figures.answered("v", 3, answer);
    figures.refused("v");
    new MetricTargets(telemetry).set([address]);
    await receiver.until(() => receiver.values.size === Object.keys(instruments).length);
    const newest = ({ name }: { name: string }) => receiver.values.get(name);
    expect(newest(instruments.memoryFree)).toEqual({ value: 70, variant: undefined });
    expect(newest(instruments.coresInUse)).toEqual({ value: 2, variant: undefined });
    engines.opened[0]!.coreWaits = { count: 4, waitedMs: 1_500 };
    await receiver.until(() => newest(instruments.coreWaited)?.value === 1.5);
    expect(newest(instruments.coreWaits)).toEqual({ value: 4, variant: "v" });
    expect(newest(instruments.served)).toEqual({ value: 3, variant: "v" });
    expect(newest(instruments.refused)).toEqual({ value: 1, variant: "v" });
    expect(newest(instruments.latency)).toEqual({ value: 2, variant: "v" });
    expect(newest(instruments.batch)).toEqual({ value: 4, variant: "v" });
    expect(newest(instruments.rechecked)).toEqual({ value: 5, variant: "v" });
    expect(newest(instruments.recheckDiffered)).toEqual({ value: 2, variant: "v" });
  });
});
