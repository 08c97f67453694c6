import { native, onnxruntimeLibrary } from "./native";

/** A CUDA device of this host. */
export interface CudaDevice {
  readonly index: number;
  readonly name: string;
  readonly computeCapability: readonly [major: number, minor: number];
  readonly memoryBytes: number;
}

/** What this host can run, and why not what it can't. */
export interface Probe {
  readonly cuda:
    | { readonly ok: true; readonly devices: readonly CudaDevice[]; readonly driverVersion: number }
    | {
        readonly ok: false;
        /** not-built: the add-on has no CUDA kernels, though there may be devices. */
        readonly reason: "not-built" | "no-driver" | "no-device" | "error";
        readonly detail: string;
        readonly devices: readonly CudaDevice[];
      };
  readonly engines: readonly {
    readonly id: "onnxruntime" | "tensorrt";
    readonly ok: boolean;
    /** Version of its library; "" when there is none. */
    readonly version: string;
    /** Where the library is, or what is missing. */
    readonly detail: string;
  }[];
  /** Whether outputs can be lent as views; otherwise they are copied. */
  readonly externalBuffers: boolean;
}

/** A device that the kernel module runs on. */
export interface DeviceProbe {
  /** Version of the kernel module. */
  readonly version: string;
  /** `host device`, or what the driver calls it. */
  readonly description: string;
}

/**
 * Opens a device and lets go of it.
 * @param name `host`, or `cuda:` and a number.
 * @returns A sentence where it cannot be opened.
 */
export function probeDevice(name: string): DeviceProbe | { readonly fault: string } {
  return native().openDevice(name);
}

/** Looks at the host; never throws for what is missing there. */
export function probe(): Probe {
  const { cuda, engines, externalBuffers } = native().probe(onnxruntimeLibrary());
  const { state, detail, devices, driverVersion } = cuda;
  return {
    cuda:
      state === "ok" ? { ok: true, devices, driverVersion } : { ok: false, reason: state, detail, devices },
    engines: engines.map((engine) => ({
      ...engine,
      id: engine.id === "tensorrt" ? "tensorrt" : "onnxruntime",
    })),
    externalBuffers,
  };
}
