import { DeviceKind } from "@infaas/api";
import { probeDevice } from "@infaas/cuda-batcher";
import { Code, ServiceError } from "@infaas/runtime";

/** `--device` of the device that is made of the CPU. */
const HOST_DEVICE = "host";
/** What is added to the host type of an executor that has it: what is measured there holds for no other host. */
const HOST_DEVICE_SUFFIX = "+host-device";

/** Returns the faults of `--device`, one sentence each. */
export function deviceFaults({ device }: { readonly device: string | null }): readonly string[] {
  if (device === null || device === HOST_DEVICE || /^cuda:\d{1,3}$/.test(device)) return [];
  return [`--device is ${device}, allowed are ${HOST_DEVICE} and cuda: with a number`];
}

/** Returns the kind of a device. */
export function deviceKindOf(device: string): DeviceKind {
  return device === HOST_DEVICE ? DeviceKind.HOST : DeviceKind.CUDA;
}

/** Returns the type of a host with this device. */
export function hostTypeWith(hostType: string, device: string | null): string {
  return device === HOST_DEVICE ? `${hostType}${HOST_DEVICE_SUFFIX}` : hostType;
}

/**
 * Returns what runs variants on the device, and its version, for example `kernel module 1 on host device`.
 * @throws ServiceError FAILED_PRECONDITION for a device that cannot be opened, with the reason.
 */
export function deviceEngineVersion(device: string): string {
  const probed = probeDevice(device);
  if ("fault" in probed)
    throw new ServiceError(Code.FAILED_PRECONDITION, `device ${device} cannot be opened: ${probed.fault}`);
  return `kernel module ${probed.version} on ${probed.description}`;
}
