import { Code, hostLimits, ServiceError } from "@infaas/runtime";
import type { Arguments } from "../command/verb";
import type { HostsPlan } from "../system/cluster";

/** Least CPU time of a host, in cores: with less its processes take longer to start than anyone waits. */
const CORES_LEAST = 0.1;
const MS_PER_SECOND = 1_000;
/** A day: hosts that are paid for longer do not come and go with demand. */
const BILLING_MINIMUM_MAX_MS = 86_400_000;

/** The hosts that the arguments ask for; null with `--hosts static`. INVALID_ARGUMENT with every fault. */
export function hostsPlan(args: Arguments, hostsMax: number): HostsPlan | null {
  const provider = args.text("hosts") ?? "static";
  if (provider === "static") return null;
  const faults: string[] = [];
  if (provider !== "local") faults.push(`--hosts is '${provider}'; it may be static or local`);
  const minHosts = args.number("min-hosts") ?? 1;
  const maxHosts = args.number("max-hosts") ?? 3;
  const cores = args.number("host-cores") ?? 1;
  const billingMinimumMs = (args.number("billing-minimum") ?? 0) * MS_PER_SECOND;
  const isCount = (value: number, least: number) =>
    Number.isInteger(value) && value >= least && value <= hostsMax;
  if (!isCount(minHosts, 0)) faults.push(`--min-hosts is ${minHosts}; it may be 0 to ${hostsMax}`);
  if (!isCount(maxHosts, 1)) faults.push(`--max-hosts is ${maxHosts}; it may be 1 to ${hostsMax}`);
  if (minHosts > maxHosts) faults.push(`--min-hosts ${minHosts} is above --max-hosts ${maxHosts}`);
  const there = hostLimits().cores;
  if (!(cores >= CORES_LEAST && cores <= there))
    faults.push(`--host-cores is ${cores}; this machine has ${there}, a host takes at least ${CORES_LEAST}`);
  if (!(billingMinimumMs >= 0 && billingMinimumMs <= BILLING_MINIMUM_MAX_MS)) {
    const both = `${billingMinimumMs / MS_PER_SECOND}; it may be 0 to ${BILLING_MINIMUM_MAX_MS / MS_PER_SECOND} seconds`;
    faults.push(`--billing-minimum is ${both}`);
  }
  if (faults.length > 0) throw new ServiceError(Code.INVALID_ARGUMENT, faults.join("; "));
  return { minHosts, maxHosts, cores, billingMinimumMs };
}
