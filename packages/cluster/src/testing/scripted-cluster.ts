import type { MessageInitShape } from "@bufbuild/protobuf";
import { ClusterService, InstancePhase, type Member, type RecordSchema } from "@infaas/api";
import {
  Code,
  createLogger,
  createRpcServer,
  deferred,
  implementService,
  ServiceError,
} from "@infaas/runtime";

const logger = createLogger({ service: "test", write: () => undefined });

/**
 * A cluster service with one lease at a time behind a real gRPC server: the test ends leases and watches and
 * sees every call.
 */
export class ScriptedCluster {
  readonly joins: Member[] = [];
  readonly reports: string[][] = [];
  readonly watchedFrom: bigint[] = [];
  readonly left: string[] = [];
  keptAlive = 0;
  /** Records of every snapshot. */
  puts: MessageInitShape<typeof RecordSchema>[] = [];
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
          this.keptAlive++;
          this.note();
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
    yield { revision: fromRevision + 6n, snapshotBegin: true, snapshotComplete: true, puts: this.puts };
    await cut;
  }

  private note(): void {
    this.changed.resolve();
    this.changed = deferred();
  }
}
