import { DeviceKind, Precision } from "@infaas/api";
import { KERNEL_MODULE, ONNX_RUNTIME } from "../../engines/engine-names";

/** What runs a variant, and on which kind of device. */
export interface RunsOn {
  readonly engine: string;
  readonly deviceKind: DeviceKind;
}

/** ONNX Runtime on the CPU. */
export const ON_CPU: RunsOn = { engine: ONNX_RUNTIME, deviceKind: DeviceKind.CPU };

/** Returns the kernel module on a device of this kind. */
export function onDevice(deviceKind: DeviceKind): RunsOn {
  return { engine: KERNEL_MODULE, deviceKind };
}

/** How one instance uses the cores of its host. */
export interface CorePlan {
  /** Cores one batch uses. */
  readonly threads: number;
  /** Batches one instance runs at once. */
  readonly concurrency: number;
}

/**
 * Returns the ways to use the cores: one batch per core, and all cores for one batch; one way on a single
 * core.
 */
export function corePlans(cores: number): CorePlan[] {
  const perCore = { threads: 1, concurrency: cores };
  return cores === 1 ? [perCore] : [perCore, { threads: cores, concurrency: 1 }];
}

/** Returns the largest batches of the variants: 1, and that of the file unless it is 1. */
export function maxBatches(largestBatch: number): number[] {
  return largestBatch === 1 ? [1] : [1, largestBatch];
}

/** Returns the name of a variant; it is never parsed. */
export function variantName(o: {
  readonly runsOn: RunsOn;
  readonly architecture: string;
  readonly version: number;
  readonly precision: Precision;
  readonly threads: number;
  readonly maxBatch: number;
}): string {
  return `${familyName(o)}-t${o.threads}-b${o.maxBatch}`;
}

/** Returns what the names of an architecture's variants of one precision on one kind of device begin with. */
export function familyName(o: {
  readonly runsOn: RunsOn;
  readonly architecture: string;
  readonly version: number;
  readonly precision: Precision;
}): string {
  const { engine, deviceKind } = o.runsOn;
  const device = DeviceKind[deviceKind].toLowerCase();
  return `${o.architecture}.v${o.version}.${engine}-${device}-${precisionName(o.precision)}`;
}

/** Returns a precision as written in names and messages, for example `int8`. */
export function precisionName(precision: Precision): string {
  return Precision[precision].toLowerCase();
}
