import { native } from "./native";

/**
 * Lets this process die with `parentPid`, leave no core file, and get no more than `dataBytesMax` of writable private
 * memory, so that it may load an untrusted file. Cannot be undone. Linux only; elsewhere it does nothing.
 * @throws Error when the parent is gone already or the system refuses.
 */
export function confineProcess(limits: { readonly parentPid: number; readonly dataBytesMax: number }): void {
  native().confine(limits.parentPid, limits.dataBytesMax);
}
