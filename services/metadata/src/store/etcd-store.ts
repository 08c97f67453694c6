import type { Clock } from "@infaas/runtime";
import { Code, ServiceError } from "@infaas/runtime";
import { noop } from "cockatiel";
import * as etcd from "etcd3";
import { type ClientTls, RenewedClient } from "./renewed-client";
import {
  type Change,
  checkKey,
  checkTransaction,
  type Lease,
  type MetadataStore,
  type StoreEntry,
  type StoreEvent,
  type StoreListing,
  type StoreWatch,
  type StoreWrite,
  type Transaction,
  type TransactionOutcome,
} from "./store";

/** Addresses, TLS and clock of an etcd store. */
export interface EtcdStoreOptions {
  /** Client addresses, for example `http://127.0.0.1:2379`. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  /**
   * For addresses that begin with https: what to show and to trust, as it is now; asked before every call.
   */
  readonly tls?: () => ClientTls | null;
}

/** A linearizable call takes milliseconds; one that takes longer met a cluster without a leader. */
const CALL_TIMEOUT_MS = 5_000;
/** A listing comes in one answer: thousands of variants with their golden tensors. */
const ANSWER_MAX_BYTES = 512 * 1024 ** 2;
/** gRPC keepalive: a dead host is noticed within time + timeout; etcd allows pings every 5 s. */
const channelOptions = {
  "grpc.max_receive_message_length": ANSWER_MAX_BYTES,
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
};
/** Text of a failure that happened before anything was sent, so that even a transaction may be repeated. */
const neverSent = "No connection established";

/**
 * A store in an etcd cluster (tested with 3.4.23 and 3.7.3). Revisions are etcd's own. Lease lives are
 * rounded up to whole seconds. The client's own repetition of failed calls is off: repeating a transaction
 * whose answer was lost could commit it twice, so a transaction is repeated only when it was certainly never
 * sent.
 */
export function openEtcdStore(options: EtcdStoreOptions): MetadataStore {
  return new EtcdStore(options);
}

class EtcdStore implements MetadataStore {
  /** One per host; the current one serves until it cannot be reached, then the next does. */
  private readonly clients: readonly RenewedClient<etcd.Etcd3>[];
  private readonly watches = new Set<EtcdWatch>();
  private current = 0;
  private closed = false;

  constructor(options: EtcdStoreOptions) {
    const { hosts } = options;
    if (hosts.length === 0) throw new ServiceError(Code.INVALID_ARGUMENT, "no etcd address is given");
    this.clients = hosts.map((host) => clientOf(host, options));
  }

  async get(key: string): Promise<StoreEntry | null> {
    checkKey(key);
    const { kvs } = await this.repeatable(({ kv }) => kv.range({ key: Buffer.from(key) }));
    return kvs[0] === undefined ? null : entryOf(kvs[0]);
  }

  async list(prefix: string): Promise<StoreListing> {
    const { kvs, header } = await this.repeatable(({ kv }) => kv.range(rangeOf(prefix)));
    return { revision: BigInt(header.revision), entries: kvs.map(entryOf) };
  }

  async transaction(transaction: Transaction): Promise<TransactionOutcome> {
    checkTransaction(transaction);
    const request = {
      compare: transaction.compares.map(({ key, revision }) => ({
        key: Buffer.from(key),
        target: "Mod" as const,
        result: "Equal" as const,
        mod_revision: String(revision),
      })),
      success: transaction.writes.map(operationOf),
    };
    try {
      const { succeeded, header } = await this.attempts(({ kv }) => kv.txn(request), wasNeverSent);
      return succeeded ? { kind: "committed", revision: BigInt(header.revision) } : { kind: "conflict" };
    } catch (error) {
      const leaseId = firstLease(transaction.writes);
      if (leaseId !== null && isLostLease(error)) return { kind: "leaseLost", leaseId };
      if (isTooLarge(error)) throw tooLarge(transaction.writes, error);
      throw failureOf(error);
    }
  }

  async delete(key: string): Promise<boolean> {
    checkKey(key);
    try {
      const request = { key: Buffer.from(key) };
      const { deleted } = await this.attempts(({ kv }) => kv.deleteRange(request), wasNeverSent);
      return deleted !== "0";
    } catch (error) {
      throw failureOf(error);
    }
  }

  watch(range: { prefix: string; fromRevision: bigint }, tell: (event: StoreEvent) => void): StoreWatch {
    this.assertOpen();
    const current = this.current;
    const watch = new EtcdWatch(range, (event) => {
      if (event.kind !== "changes") this.watches.delete(watch);
      if (event.kind === "failed") this.leave(current);
      tell(event);
    });
    this.watches.add(watch);
    this.client(current)
      .watchClient.watch()
      .then(
        (stream) => watch.follow(stream),
        (error) => watch.fail(error),
      );
    return watch;
  }

  async grantLease(ttlMs: number): Promise<Lease> {
    if (!Number.isFinite(ttlMs) || ttlMs <= 0) {
      throw new ServiceError(Code.INVALID_ARGUMENT, `lease life of ${ttlMs} ms must be above 0`);
    }
    const request = { TTL: Math.ceil(ttlMs / 1000) };
    const { ID, TTL } = await this.repeatable(({ leaseClient }) => leaseClient.leaseGrant(request));
    return { id: ID, ttlMs: Number(TTL) * 1000 };
  }

  async keepAlive(leaseId: string): Promise<Lease | null> {
    if (!isLeaseId(leaseId)) return null;
    const ttlMs = await this.repeatable((client) => keepAliveOnce(client, leaseId));
    return ttlMs > 0 ? { id: leaseId, ttlMs } : null;
  }

  async revokeLease(leaseId: string): Promise<void> {
    if (!isLeaseId(leaseId)) return;
    await this.repeatable(async ({ leaseClient }) => {
      try {
        await leaseClient.leaseRevoke({ ID: leaseId });
      } catch (error) {
        if (!isLostLease(error)) throw error;
      }
    });
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const watch of this.watches) watch.close();
    for (const client of this.clients) client.close();
  }

  /** A call whose repetition changes nothing more. */
  private async repeatable<T>(call: (client: etcd.Etcd3) => Promise<T>): Promise<T> {
    try {
      return await this.attempts(call, isAway);
    } catch (error) {
      throw failureOf(error);
    }
  }

  private async attempts<T>(
    call: (client: etcd.Etcd3) => Promise<T>,
    mayRepeat: (error: unknown) => boolean,
  ): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      this.assertOpen();
      const current = this.current;
      try {
        return await call(this.client(current));
      } catch (error) {
        if (isAway(error)) this.leave(current);
        if (attempt >= this.clients.length || !mayRepeat(error)) throw error;
      }
    }
  }

  private client(index: number): etcd.Etcd3 {
    return this.clients[index % this.clients.length]!.current();
  }

  /** Switches to the next host, unless another call has already. */
  private leave(index: number): void {
    if (this.current === index) this.current++;
  }

  private assertOpen(): void {
    if (this.closed) throw new ServiceError(Code.FAILED_PRECONDITION, "metadata store is closed");
  }
}

/** The client of one host. Watches that stand when certificates change live on with those they began with. */
function clientOf(host: string, { clock, tls: given }: EtcdStoreOptions): RenewedClient<etcd.Etcd3> {
  const open = (tls: ClientTls | null) =>
    new etcd.Etcd3({
      hosts: host,
      ...(tls === null ? {} : { credentials: credentialsOf(tls) }),
      grpcOptions: channelOptions,
      faultHandling: { global: noop, host: () => noop },
      defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: clock.epochMs() + CALL_TIMEOUT_MS }),
    });
  const tls = () => (host.startsWith("https:") ? (given?.() ?? null) : null);
  return new RenewedClient({ clock, tls, open, graceMs: CALL_TIMEOUT_MS });
}

function credentialsOf({ ca, cert, key }: ClientTls) {
  const own = cert === undefined || key === undefined ? {} : { certChain: cert, privateKey: key };
  return { rootCertificate: ca, ...own };
}

/** Renews by a stream of one message each way; returns the life given, 0 when the lease is gone. */
async function keepAliveOnce({ leaseClient }: etcd.Etcd3, leaseId: string): Promise<number> {
  const stream = await leaseClient.leaseKeepAlive();
  return new Promise<number>((resolve, reject) => {
    stream.on("data", ({ TTL }) => {
      resolve(Number(TTL) * 1000);
      stream.end();
    });
    stream.on("error", (error) => reject(etcd.castGrpcError(error)));
    stream.on("end", () => reject(new etcd.EtcdWatchStreamEnded()));
    stream.write({ ID: leaseId });
  });
}

type WatchStream = Awaited<ReturnType<etcd.WatchClient["watch"]>>;

/** One watch on a stream of its own; ends with `compacted` or `failed`, then tells nothing more. */
class EtcdWatch implements StoreWatch {
  private stream: WatchStream | null = null;
  private over = false;

  constructor(
    private readonly range: { prefix: string; fromRevision: bigint },
    private readonly tell: (event: StoreEvent) => void,
  ) {}

  follow(stream: WatchStream): void {
    stream.on("data", (response) => this.take(response));
    stream.on("error", (error) => this.fail(error));
    stream.on("end", () => this.fail(new etcd.EtcdWatchStreamEnded()));
    if (this.over) {
      stream.cancel();
      return;
    }
    this.stream = stream;
    const start_revision = String(this.range.fromRevision);
    stream.write({ create_request: { ...rangeOf(this.range.prefix), start_revision } });
  }

  fail(error: unknown): void {
    this.end({ kind: "failed", error: failureOf(error) });
  }

  close(): void {
    this.over = true;
    this.stream?.cancel();
  }

  private take(response: etcd.IWatchResponse): void {
    if (this.over) return;
    if (response.compact_revision !== "0") this.end({ kind: "compacted" });
    else if (response.canceled) this.fail(new Error(`etcd cancelled the watch: ${response.cancel_reason}`));
    else for (const event of changesByRevision(response.events)) this.tell(event);
  }

  private end(event: StoreEvent): void {
    if (this.over) return;
    this.close();
    this.tell(event);
  }
}

/** One answer may hold several transactions; the events of one share their revision and stand together. */
function changesByRevision(events: readonly etcd.IEvent[]): StoreEvent[] {
  const grouped = new Map<string, Change[]>();
  for (const { type, kv } of events) {
    const changes = grouped.get(kv.mod_revision) ?? [];
    grouped.set(kv.mod_revision, changes);
    changes.push(
      type === "Put" ? { kind: "put", entry: entryOf(kv) } : { kind: "delete", key: kv.key.toString() },
    );
  }
  return [...grouped].map(([revision, changes]) => ({
    kind: "changes",
    revision: BigInt(revision),
    changes,
  }));
}

function entryOf({ key, value, mod_revision, lease }: etcd.IKeyValue): StoreEntry {
  return {
    key: key.toString(),
    value,
    revision: BigInt(mod_revision),
    leaseId: lease === "0" ? null : lease,
  };
}

function rangeOf(prefix: string): { key: Buffer; range_end: Buffer } {
  const { start, end } = etcd.Range.prefix(prefix);
  return { key: start, range_end: end };
}

function operationOf(write: StoreWrite): etcd.IRequestOp {
  switch (write.kind) {
    case "put": {
      const { key, value, leaseId } = write;
      return { request_put: { key: Buffer.from(key), value: Buffer.from(value), lease: leaseId ?? "0" } };
    }
    case "delete":
      return { request_delete_range: { key: Buffer.from(write.key) } };
    case "deletePrefix":
      return { request_delete_range: rangeOf(write.prefix) };
  }
}

function firstLease(writes: readonly StoreWrite[]): string | null {
  for (const write of writes) if (write.kind === "put" && write.leaseId !== null) return write.leaseId;
  return null;
}

/** etcd's lease ids are positive int64 in decimal. */
const isLeaseId = (leaseId: string): boolean => /^[1-9]\d{0,18}$/.test(leaseId);

const isLostLease = (error: unknown): boolean => error instanceof etcd.EtcdLeaseInvalidError;

/** Beyond its bound etcd itself says the first; half a MiB further its gRPC server says the second. */
const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && /request is too large|received message larger than max/.test(error.message);

function tooLarge(writes: readonly StoreWrite[], cause: unknown): ServiceError {
  const bytes = writes.reduce((sum, write) => sum + (write.kind === "put" ? write.value.length : 0), 0);
  const both = `transaction of ${bytes} bytes exceeds what this etcd takes: its --max-request-bytes, 1.5 MiB unless set`;
  return new ServiceError(Code.RESOURCE_EXHAUSTED, both, { cause });
}

const isAway = (error: unknown): error is Error => error instanceof etcd.GRPCUnavailableError;

const wasNeverSent = (error: unknown): boolean => isAway(error) && error.message.includes(neverSent);

/** Returns the client's error as a ServiceError; an unreachable cluster is UNAVAILABLE and recoverable. */
function failureOf(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const cause = error instanceof Error ? etcd.castGrpcError(error) : new Error(String(error));
  const [, code = Code.INTERNAL] = codes.find(([kind]) => cause instanceof kind) ?? [];
  return new ServiceError(code, `etcd: ${cause.message}`, { cause });
}

const codes: readonly (readonly [new (message: string) => Error, Code])[] = [
  [etcd.GRPCUnavailableError, Code.UNAVAILABLE],
  [etcd.EtcdWatchStreamEnded, Code.UNAVAILABLE],
  [etcd.GRPCCancelledError, Code.UNAVAILABLE],
  [etcd.GRPCInternalError, Code.UNAVAILABLE],
  [etcd.GRPCDeadlineExceededError, Code.DEADLINE_EXCEEDED],
  [etcd.GRPCInvalidArgumentError, Code.INVALID_ARGUMENT],
  [etcd.GRPCResourceExhastedError, Code.RESOURCE_EXHAUSTED],
  [etcd.EtcdPermissionDeniedError, Code.PERMISSION_DENIED],
  [etcd.GRPCUnauthenticatedError, Code.UNAUTHENTICATED],
];
