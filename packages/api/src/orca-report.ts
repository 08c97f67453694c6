import { WireBuffer } from "./wire-buffer";

/** Trailing metadata in which the report of one call rides. */
export const orcaTrailer = "endpoint-load-metrics-bin";

/** What an answer tells a load balancer (gRFC A51): fields of xds.data.orca.v3.OrcaLoadReport. */
export interface CallLoad {
  /** Queue-aware occupancy of what answered; may exceed 1. */
  readonly applicationUtilization: number;
  /** What this very call cost, by resource. */
  readonly requestCost: Readonly<Record<string, number>>;
  readonly namedMetrics: Readonly<Record<string, number>>;
}

const buffer = new WireBuffer();

/** Returns the report as protobuf bytes; written by hand, since every answer carries one. */
export function encodeCallLoad(load: CallLoad): Buffer {
  buffer.reset();
  entries(4, load.requestCost);
  entries(8, load.namedMetrics);
  buffer.double(9, load.applicationUtilization);
  return buffer.take();
}

function entries(field: number, map: Readonly<Record<string, number>>): void {
  for (const key in map) {
    const entry = buffer.begin(field);
    buffer.text(1, key);
    buffer.double(2, map[key]!);
    buffer.end(entry);
  }
}
