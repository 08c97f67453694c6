import { ClusterService } from "@infaas/api";
import { createLogger, createRpcClient, Lifecycle, seededRandom, systemClock } from "@infaas/runtime";
import { ScriptedCluster } from "./testing/scripted-cluster";
import { followMetadata } from "./watch";

describe("followMetadata", () => {
  const life = new Lifecycle();
  afterAll(() => life.stop());

  async function setUp() {
    const cluster = new ScriptedCluster();
    const address = await cluster.listen("127.0.0.1:0");
    const client = createRpcClient(ClusterService, address);
    const warnings: string[] = [];
    const logger = createLogger({ service: "test", write: (line) => warnings.push(line) });
    const ending = new AbortController();
    const listener = {
      revision: 0n,
      interruptions: 0,
      received: ({ revision }: { revision: bigint }) => {
        listener.revision = revision;
      },
      interrupted: () => {
        listener.interruptions++;
      },
    };
    const ports = { clock: systemClock, random: seededRandom(1), logger };
    const done = followMetadata({ cluster: client, ...ports, signal: ending.signal, listener });
    life.onStop("cluster", () => cluster.stop());
    life.onStop("client", () => client.close());
    const end = () => {
      ending.abort();
      return done;
    };
    life.onStop("watch", end);
    return { cluster, address, listener, warnings, end };
  }

  it("goes on after what it received last", async () => {
    const { cluster, listener } = await setUp();
    await cluster.until(() => cluster.watchedFrom.length > 0);
    cluster.cutWatches();
    await cluster.until(() => cluster.watchedFrom.length > 1);
    expect(cluster.watchedFrom).toEqual([0n, 7n]);
    expect(listener.interruptions).toBe(1);
  });

  it("comes back when metadata was away, and warns once", async () => {
    const { cluster, address, warnings } = await setUp();
    await cluster.until(() => cluster.watchedFrom.length > 0);
    await cluster.restart(address);
    await cluster.until(() => cluster.watchedFrom.length > 1);
    expect(warnings).toHaveLength(1);
  });

  it("ends with its signal, which is no interruption", async () => {
    const { cluster, listener, end } = await setUp();
    await cluster.until(() => cluster.watchedFrom.length > 0);
    await end();
    expect(listener.interruptions).toBe(0);
  });
});
