import { ClusterService, InstancePhase, type Member } from "@infaas/api";
import {
  Code,
  createLogger,
  createRpcClient,
  createRpcServer,
  deferred,
  implementService,
  Lifecycle,
  ServiceError,
  systemClock,
} from "@infaas/runtime";
import type { InstanceLine } from "../instances/executor";
import { MembershipClient } from "./membership-client";

const logger = createLogger({ service: "test", write: () => undefined });
const line: InstanceLine = {
  variant: "a",
  phase: "ready",
  reason: "",
  memoryBytes: 5,
  inFlight: 0,
  drainMs: 0,
  loadMs: 0,
};

/**
 * A cluster of one table behind a real gRPC server: leases that the test ends, reports and watches it sees.
 */
class TinyCluster {
  readonly joins: Member[] = [];
  readonly reports: string[][] = [];
  readonly watchedFrom: bigint[] = [];
  readonly left: string[] = [];
  lease = "";
  private changed = deferred();
  private cut = deferred();
  private server = this.makeServer();

  async listen(address: string): Promise<string> {
    return `127.0.0.1:${await this.server.listen(address)}`;
  }

  /** Waits until `check` holds. */
  async until(check: () => boolean): Promise<void> {
    while (!check()) await this.changed.promise;
  }

  /** Forgets the lease, as after a long silence. */
  loseLease(): void {
    this.lease = "";
  }

  /** Ends every watch. */
  cutWatches(): void {
    this.cut.resolve();
    this.cut = deferred();
  }

  async restart(address: string): Promise<void> {
    await this.stop();
    this.lease = "";
    this.server = this.makeServer();
    await this.server.listen(address);
  }

  async stop(): Promise<void> {
    this.cutWatches();
    await this.server.stop(100);
  }

  private makeServer() {
    const server = createRpcServer({ logger });
    server.add(
      implementService(ClusterService, {
        join: async ({ member, ttlMs }) => {
          if (member !== undefined) this.joins.push(member);
          this.lease = `lease-${this.joins.length}`;
          this.note();
          return { leaseId: this.lease, ttlMs };
        },
        keepAlive: async ({ leaseId }) => {
          if (leaseId !== this.lease) throw new ServiceError(Code.NOT_FOUND, `lease ${leaseId} has run out`);
          return { ttlMs: 300 };
        },
        leave: async ({ leaseId }) => this.noteLeave(leaseId),
        reportInstances: async ({ leaseId, report }) => {
          if (leaseId !== this.lease) throw new ServiceError(Code.NOT_FOUND, `lease ${leaseId} has run out`);
          this.reports.push(report?.instances.map((i) => `${i.variant} ${InstancePhase[i.phase]}`) ?? []);
          this.note();
          return {};
        },
        watch: ({ fromRevision }) => this.watchUntilCut(fromRevision),
      }),
    );
    return server;
  }

  private noteLeave(leaseId: string) {
    this.left.push(leaseId);
    this.note();
    return {};
  }

  private async *watchUntilCut(fromRevision: bigint) {
    const cut = this.cut.promise;
    this.watchedFrom.push(fromRevision);
    this.note();
    yield { revision: fromRevision + 6n, snapshotBegin: true, snapshotComplete: true };
    await cut;
  }

  private note(): void {
    this.changed.resolve();
    this.changed = deferred();
  }
}

describe("MembershipClient", () => {
  const life = new Lifecycle();
  afterAll(() => life.stop());

  async function setUp() {
    const cluster = new TinyCluster();
    const address = await cluster.listen("127.0.0.1:0");
    let revision = 0n;
    const client = createRpcClient(ClusterService, address);
    const membership = new MembershipClient({
      cluster: client,
      clock: systemClock,
      logger,
      member: {
        name: "exec-1",
        address: "127.0.0.1:8201",
        linkAddress: "127.0.0.1:8301",
        hostType: "local-cpu",
        cores: 2,
        memoryBytes: 100,
        pricePerHourUsd: 0.096,
        incarnation: "1",
      },
      leaseTtlMs: 300,
      accepting: () => true,
      lines: () => [line],
      seenRevision: () => revision,
      onWatch: (message) => {
        revision = message.revision;
      },
      onWatchLost: () => undefined,
    });
    life.onStop("cluster", () => cluster.stop());
    life.onStop("client", () => client.close());
    life.onStop("membership", () => membership.stop());
    membership.start();
    return { cluster, membership, address };
  }

  it("joins, reports its instances and watches from a snapshot", async () => {
    const { cluster } = await setUp();
    await cluster.until(() => cluster.reports.length > 0 && cluster.watchedFrom.length > 0);
    expect(cluster.joins[0]).toMatchObject({ name: "exec-1", cores: 2, memoryBytes: 100n, accepting: true });
    expect(cluster.reports[0]).toEqual(["a READY"]);
    expect(cluster.watchedFrom).toEqual([0n]);
  });

  it("joins again and reports again when its lease was lost", async () => {
    const { cluster } = await setUp();
    await cluster.until(() => cluster.reports.length > 0);
    cluster.loseLease();
    await cluster.until(() => cluster.joins.length > 1 && cluster.reports.length > 1);
    expect(cluster.lease).toBe("lease-2");
  });

  it("goes on watching after what it saw last", async () => {
    const { cluster } = await setUp();
    await cluster.until(() => cluster.watchedFrom.length > 0);
    cluster.cutWatches();
    await cluster.until(() => cluster.watchedFrom.length > 1);
    expect(cluster.watchedFrom).toEqual([0n, 7n]);
  });

  it("comes back when metadata was away", async () => {
    const { cluster, address } = await setUp();
    const { joins, reports, watchedFrom } = cluster;
    const each = (least: number) => [joins, reports, watchedFrom].every(({ length }) => length >= least);
    await cluster.until(() => each(1));
    await cluster.restart(address);
    await cluster.until(() => each(2));
  });

  it("makes one report of many changes at once", async () => {
    const { cluster, membership } = await setUp();
    await cluster.until(() => cluster.reports.length > 0);
    for (let i = 0; i < 10; i += 1) membership.report();
    await membership.stop();
    expect(cluster.reports.length).toBeLessThanOrEqual(3);
  });

  it("leaves when it stops", async () => {
    const { cluster, membership } = await setUp();
    await cluster.until(() => cluster.reports.length > 0);
    await membership.stop();
    expect(cluster.left).toEqual(["lease-1"]);
  });
});
