import type { DeviceKind } from "@infaas/api";
import type { Clock } from "@infaas/runtime";
import type { EnginePort } from "../../engines/engine-port";

/** Ports of profiling; nothing of the running executor, since it runs in a process of its own. */
export interface ProfilePorts {
  /** Resolves to the local path of an artifact. */
  readonly fetchModel: (digest: string) => Promise<string>;
  /** Uploads a file to the artifact store and resolves to its digest. */
  readonly storeArtifact: (path: string) => Promise<string>;
  readonly readArtifact: (digest: string) => Promise<Buffer>;
  readonly engines: EnginePort;
  /** Library and version behind `engines`, for example `onnxruntime 1.30.0`. */
  readonly engineVersion: string;
  /** The device that variants are measured on beside the CPU; absent: there is none. */
  readonly device?: ProfiledDevice;
  readonly clock: Clock;
  readonly host: ProfiledHost;
  /** An existing folder for derived files, which are removed when profiling ends. */
  readonly scratchDir: string;
}

/** A device that figures are measured on. */
export interface ProfiledDevice {
  readonly kind: DeviceKind;
  /** Every engine of it runs on the device. */
  readonly engines: EnginePort;
  /** What runs variants there and its version, for example `kernel module 1 on host device`. */
  readonly engineVersion: string;
}

/** The host that figures are measured on. */
export interface ProfiledHost {
  readonly hostType: string;
  /** Name of its device; absent or null: there is none. */
  readonly device?: string | null;
  /** Whole cores that threads are planned for. */
  readonly cores: number;
  /** CPU time that the host gives, in cores; a fraction of one is possible. */
  readonly cpuCores: number;
  readonly memoryBytes: number;
}
