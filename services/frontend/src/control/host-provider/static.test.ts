import type { Executor } from "@infaas/policy";
import { LiveExecutor } from "../../view/live-instance";
import { StaticHostProvider } from "./static";

function executor(name: string, hostType: string, pricePerHourUsd: number): Executor {
  return new LiveExecutor({
    name,
    address: "127.0.0.1:1",
    linkAddress: "",
    incarnation: "",
    hostType,
    deviceKinds: ["cpu"],
    cores: 8,
    cpuCores: 8,
    memoryBytes: 1e9,
    pricePerHourUsd,
  });
}

describe("StaticHostProvider", () => {
  it("has one pool per host type, as large as it is and no other, and says why", () => {
    const members = [executor("b", "small", 0.1), executor("g", "gpu", 3), executor("a", "small", 0.2)];
    const pools = new StaticHostProvider(() => members).pools();
    const fixedBecause = expect.stringContaining("none can be added or removed");
    expect(pools).toEqual([
      { hostType: "gpu", pricePerHourUsd: 3, hosts: ["g"], minHosts: 1, maxHosts: 1, fixedBecause },
      { hostType: "small", pricePerHourUsd: 0.2, hosts: ["a", "b"], minHosts: 2, maxHosts: 2, fixedBecause },
    ]);
  });

  it("follows who joins and who leaves", () => {
    const members = [executor("a", "small", 0.1)];
    const provider = new StaticHostProvider(() => members);
    members.pop();
    expect(provider.pools()).toEqual([]);
  });

  it("starts and removes none, and says why", async () => {
    const provider = new StaticHostProvider(() => []);
    for (const act of ["ensure", "drain", "remove"] as const)
      await expect(provider[act]("a")).rejects.toThrow('host "a": these hosts were started by hand');
  });
});
