import { ClusterService, MemberKind } from "@infaas/api";
import { createLogger, createRpcClient, Lifecycle, seededRandom, systemClock } from "@infaas/runtime";
import { Membership } from "./membership";
import { ScriptedCluster } from "./testing/scripted-cluster";

const logger = createLogger({ service: "test", write: () => undefined });

describe("Membership", () => {
  const life = new Lifecycle();
  afterAll(() => life.stop());

  async function setUp() {
    const cluster = new ScriptedCluster();
    const address = await cluster.listen("127.0.0.1:0");
    const client = createRpcClient(ClusterService, address);
    const heard: string[] = [];
    const membership = new Membership({
      cluster: client,
      clock: systemClock,
      random: seededRandom(1),
      logger,
      member: () => ({ name: "f", kind: MemberKind.FRONTEND, address: "127.0.0.1:1", accepting: true }),
      leaseTtlMs: 300,
      onJoin: () => heard.push(`joined ${membership.leaseId}`),
      onAnswer: () => heard.push("answer"),
    });
    const ending = new AbortController();
    const done = membership.run(ending.signal);
    const leave = () => {
      ending.abort();
      return done;
    };
    life.onStop("cluster", () => cluster.stop());
    life.onStop("client", () => client.close());
    life.onStop("membership", leave);
    return { cluster, address, membership, leave, heard };
  }

  it("joins and keeps its lease alive", async () => {
    const { cluster, membership, heard } = await setUp();
    await cluster.until(() => cluster.keptAlive > 1);
    expect(cluster.joins).toMatchObject([{ name: "f", kind: MemberKind.FRONTEND, accepting: true }]);
    expect(cluster.joins[0]?.incarnation).toMatch(/^[0-9a-f]{16}$/);
    expect(membership.leaseId).toBe("lease-1");
    expect(heard.slice(0, 3)).toEqual(["joined lease-1", "answer", "answer"]);
  });

  it("joins again in the same incarnation when its lease was lost", async () => {
    const { cluster, membership } = await setUp();
    await cluster.until(() => cluster.joins.length > 0);
    cluster.loseLease();
    await cluster.until(() => cluster.joins.length > 1 && cluster.keptAlive > 0);
    expect(membership.leaseId).toBe("lease-2");
    expect(cluster.joins[1]?.incarnation).toBe(cluster.joins[0]?.incarnation);
  });

  it("gives a lease up that nobody answered for within its time, and comes back", async () => {
    const { cluster, address, membership } = await setUp();
    await cluster.until(() => cluster.keptAlive > 0);
    await cluster.stop();
    while (membership.leaseId !== null) await new Promise((turn) => setImmediate(turn));
    await cluster.restart(address);
    await cluster.until(() => cluster.joins.length > 1 && cluster.keptAlive > 1);
    expect(membership.leaseId).toBe("lease-2");
  });

  it("leaves when it ends", async () => {
    const { cluster, membership, leave } = await setUp();
    await cluster.until(() => cluster.keptAlive > 0);
    await leave();
    expect(cluster.left).toEqual(["lease-1"]);
    expect(membership.leaseId).toBeNull();
  });
});
