import { HostState, MemberKind } from "@infaas/api";
import { readConfig } from "@infaas/runtime";
import { frontendOptions } from "../config";
import { type House, inferRequest, parametersOf, startHouse, TASK, until } from "../testing/house";

describe("--policy", () => {
  let house: House | null = null;
  afterEach(() => house?.stop());

  it("is refused at the start when no policy has the name, with those that there are", () => {
    const read = readConfig(frontendOptions, ["--policy", "greedy"], {});
    expect(read).toMatchObject({
      ok: false,
      faults: [expect.stringContaining("is 'greedy'; allowed: infaas, infaas-paper")],
    });
  });

  it("infaas-paper selects for queries and scales hosts", async () => {
    const args = ["--policy", "infaas-paper", "--metric-period-ms", "100", "--scale-in-hold-ms", "1000"];
    house = await startHouse({ "executor-1": ["mlp@1"], "executor-2": ["mlp@1"] }, undefined, args);
    const { metadata, inference } = house;
    const answered = await inference.modelInfer(inferRequest(TASK, { slo_latency_ms: 500 }));
    expect(parametersOf(answered)).toMatchObject({ variant: "mlp@1" });
    const pool = {
      hostType: "local-cpu",
      cores: 8,
      memoryBytes: 32_000_000_000n,
      pricePerHourUsd: 0.384,
      minHosts: 1,
      maxHosts: 3,
    };
    metadata.put("member/local-hosts", {
      case: "member",
      value: { name: "local-hosts", kind: MemberKind.HOST_PROVIDER, pool },
    });
    for (const name of ["executor-1", "executor-2"])
      metadata.put(`host/${name}`, {
        case: "host",
        value: { name, provider: "local-hosts", state: HostState.UP, reason: "test", fault: "" },
      });
    await until(() => metadata.host("executor-2")?.state === HostState.DRAINING);
    expect(metadata.host("executor-1")?.state).toBe(HostState.UP);
    // The sentence of the paper's policy; production's tells the hold.
    expect(metadata.host("executor-2")?.reason).toMatch(/^demand keeps [\d.e-]+ hosts busy$/);
  });
});
