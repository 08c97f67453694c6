import { WireBuffer } from "./wire-buffer";

/** Trailing metadata in which the report of one call rides. */
export const orcaTrailer = "endpoint-load-metrics-bin";

/** What an answer tells a load balancer (gRFC A51), in fields of xds.data.orca.v3.OrcaLoadReport. */
export interface CallLoad {
  /** Queue-aware occupancy of what answered; may exceed 1. */
  readonly applicationUtilization: number;
  /** `request_cost`: what this very call cost. */
  readonly usd: number;
  readonly computeMs: number;
  /** `named_metrics`. */
  readonly queueMs: number;
  readonly batchFill: number;
  readonly memoryFreeBytes: number;
}

/** A map entry is its key's text and a double, so each report is this one with other doubles. */
const REQUEST_COST = 4;
const NAMED_METRICS = 8;
const template = new WireBuffer();
const usdAt = entry(REQUEST_COST, "usd");
const computeAt = entry(REQUEST_COST, "compute_ms");
const queueAt = entry(NAMED_METRICS, "queue_ms");
const fillAt = entry(NAMED_METRICS, "batch_fill");
const memoryAt = entry(NAMED_METRICS, "memory_free_bytes");
const utilizationAt = double(9);
const blank = template.take();

/**
 * Returns the report as protobuf bytes. Every answer carries one: six numbers are written into a copy of a
 * template.
 */
export function encodeCallLoad(load: CallLoad): Buffer {
  const report = Buffer.allocUnsafe(blank.length);
  report.set(blank);
  report.writeDoubleLE(load.usd, usdAt);
  report.writeDoubleLE(load.computeMs, computeAt);
  report.writeDoubleLE(load.queueMs, queueAt);
  report.writeDoubleLE(load.batchFill, fillAt);
  report.writeDoubleLE(load.memoryFreeBytes, memoryAt);
  report.writeDoubleLE(load.applicationUtilization, utilizationAt);
  return report;
}

/** Adds an entry to the template; returns where its double lies. */
function entry(field: number, key: string): number {
  const start = template.begin(field);
  template.text(1, key);
  const at = double(2);
  template.end(start);
  return at;
}

/** Adds a double to the template; returns where it lies: at the end of what there is. */
function double(field: number): number {
  template.double(field, 0);
  return template.take().length - 8;
}
