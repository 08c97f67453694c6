import { type HrTime, ValueType } from "@opentelemetry/api";
import type { InstrumentationScope } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  type HistogramMetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import type { Clock } from "../time/clock";
import type { Histogram, HistogramPoint } from "./histogram";
import type { Instrument } from "./instruments";
import { highResolution } from "./otel-spans";

/** Histograms that their owners count, read at export: the SDK has no observable kind of them. */
export class ReadHistograms implements MetricProducer {
  private readonly reads: (readonly [Instrument, () => readonly HistogramPoint[]])[] = [];
  private readonly startTime: HrTime;

  constructor(
    private readonly clock: Pick<Clock, "epochMs">,
    private readonly resource: Resource,
    private readonly scope: InstrumentationScope,
  ) {
    this.startTime = highResolution(clock.epochMs());
  }

  add(instrument: Instrument, read: () => readonly HistogramPoint[]): void {
    this.reads.push([instrument, read]);
  }

  async collect(): Promise<CollectionResult> {
    const { resource, scope } = this;
    const endTime = highResolution(this.clock.epochMs());
    const metrics = this.reads.map(([instrument, read]) => this.metricOf(instrument, read(), endTime));
    return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics }] }, errors: [] };
  }

  private metricOf(
    { name, unit, description }: Instrument,
    points: readonly HistogramPoint[],
    endTime: HrTime,
  ): HistogramMetricData {
    const { startTime } = this;
    return {
      descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: points.map(({ attributes, histogram }) => ({
        startTime,
        endTime,
        attributes,
        value: pointValue(histogram),
      })),
    };
  }
}

function pointValue(histogram: Histogram): HistogramMetricData["dataPoints"][number]["value"] {
  const { bounds, counts, sum, count } = histogram;
  return { buckets: { boundaries: [...bounds], counts: [...counts] }, sum, count };
}
