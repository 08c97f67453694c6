import { Code, type ConfigOf, type OptionTable, readConfig, ServiceError } from "@infaas/runtime";

/** Returns options as a process of its own would read them from its command line. */
export function configOf<const T extends OptionTable>(options: T, args: readonly string[]): ConfigOf<T> {
  const read = readConfig(options, args, {});
  if (!read.ok) throw new ServiceError(Code.INVALID_ARGUMENT, read.faults.join("; "));
  return read.config as ConfigOf<T>;
}
