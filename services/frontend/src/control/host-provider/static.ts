import type { Executor } from "@infaas/policy";
import { Code, ServiceError } from "@infaas/runtime";
import type { HostPool, HostProvider } from "./host-provider";

/** Why a static pool keeps its size. */
const FIXED_BECAUSE =
  "these hosts were started by hand, so none can be added or removed from here; start or stop executors yourself";

/** Hosts that the operator starts and stops: those whose executors have joined. */
export class StaticHostProvider implements HostProvider {
  /** `executors` returns those that are members now. */
  constructor(private readonly executors: () => Iterable<Executor>) {}

  pools(): readonly HostPool[] {
    const byType = new Map<string, Executor[]>();
    for (const executor of this.executors()) {
      byType.set(executor.hostType, [...(byType.get(executor.hostType) ?? []), executor]);
    }
    return [...byType].map(poolOf).sort((a, b) => (a.hostType < b.hostType ? -1 : 1));
  }

  ensure(host: string): Promise<void> {
    return fixed(host);
  }

  drain(host: string): Promise<void> {
    return fixed(host);
  }

  remove(host: string): Promise<void> {
    return fixed(host);
  }
}

async function fixed(host: string): Promise<never> {
  throw new ServiceError(Code.FAILED_PRECONDITION, `host "${host}": ${FIXED_BECAUSE}`);
}

/** Price of the dearest host: those of one type may have been given different ones. */
function poolOf([hostType, executors]: [string, readonly Executor[]]): HostPool {
  return {
    hostType,
    pricePerHourUsd: Math.max(...executors.map((e) => e.pricePerHourUsd)),
    hosts: executors.map((e) => e.name).sort(),
    minHosts: executors.length,
    maxHosts: executors.length,
    fixedBecause: FIXED_BECAUSE,
  };
}
