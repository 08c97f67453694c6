import { clone } from "@bufbuild/protobuf";
import {
  type HostPool,
  type InstanceReport,
  type Member,
  MemberKind,
  MemberSchema,
  nameFault,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { memberKey, reportKey, sessionKey } from "../records/keys";
import { checkName } from "../records/names";
import { decodeAs, encodeRecord } from "../records/records";
import type { WatchHub } from "../records/watch-hub";
import type { Lease, MetadataStore, StoreEntry, StoreWrite, TransactionOutcome } from "../store/store";
import { beginSession, lostLease, requireSession } from "./session";

/** Life of a lease when the member asks for none: a lost executor is noticed within it. */
export const LEASE_TTL_DEFAULT_MS = 5_000;
/** A shorter life would make a pause of the garbage collector a death. */
const LEASE_TTL_MIN_MS = 500;
const LEASE_TTL_MAX_MS = 5 * 60_000;
/** Two lives of one name may join at once; each tries this often. */
const ATTEMPTS_MAX = 8;
/** Instances one executor may report. */
const INSTANCES_MAX = 10_000;

/** Who is there, under leases, and what executors say of their instances. */
export class Members {
  constructor(
    private readonly store: MetadataStore,
    private readonly hub: WatchHub,
  ) {}

  /**
   * Announces a member. A member of the same name is replaced: its lease ends and may no longer write.
   * Joining again in the same incarnation keeps what the executor reported and whether an operator took it
   * out of service.
   */
  async join(member: Member, ttlMs: number): Promise<Lease> {
    const faults = memberFaults(member);
    if (faults.length > 0) throw new ServiceError(Code.INVALID_ARGUMENT, faults.join("; "));
    const lease = await this.store.grantLease(checkedTtlMs(ttlMs));
    try {
      const replaced = await this.announce(member, lease);
      if (replaced !== null) await this.store.revokeLease(replaced);
      return lease;
    } catch (error) {
      await this.store.revokeLease(lease.id);
      throw error;
    }
  }

  /** Prolongs a lease; NOT_FOUND when it has run out or a later life has replaced it. */
  async keepAlive(leaseId: string): Promise<Lease> {
    await requireSession(this.store, leaseId);
    const lease = await this.store.keepAlive(leaseId);
    if (lease === null) throw lostLease(leaseId);
    return lease;
  }

  /** Ends a member's lease; harmless when it has ended already, and to leases of anyone but members. */
  async leave(leaseId: string): Promise<void> {
    const session = leaseId === "" ? null : await this.store.get(sessionKey(leaseId));
    if (session !== null) await this.store.revokeLease(leaseId);
  }

  /** Replaces what an executor said of its instances. NOT_FOUND for a lease that may no longer write. */
  async report(leaseId: string, report: InstanceReport): Promise<void> {
    const session = await requireSession(this.store, leaseId);
    if (report.executor !== session.member) {
      const both = `lease "${leaseId}" is of member "${session.member}", the report of "${report.executor}"`;
      throw new ServiceError(Code.PERMISSION_DENIED, both);
    }
    const faults = reportFaults(report);
    if (faults.length > 0) throw new ServiceError(Code.INVALID_ARGUMENT, faults.join("; "));
    const outcome = await this.store.transaction({
      compares: [session.compare],
      writes: [put(reportKey(report.executor), encodeRecord("report", report), leaseId)],
    });
    if (outcome.kind !== "committed") throw lostLease(leaseId);
  }

  /** Takes an executor out of service or back; NOT_FOUND when it has not joined. */
  async setAccepting(executor: string, accepting: boolean): Promise<void> {
    checkName("executor", executor);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const entry = await this.store.get(memberKey(executor));
      const member = entry && decodeAs("member", entry.key, entry.value);
      if (member?.kind !== MemberKind.EXECUTOR) {
        throw new ServiceError(Code.NOT_FOUND, `no executor "${executor}" has joined`);
      }
      if (member.accepting === accepting) return;
      const changed = clone(MemberSchema, member);
      changed.accepting = accepting;
      const outcome = await this.rewrite(entry, encodeRecord("member", changed));
      if (outcome.kind === "committed") return this.hub.reached(outcome.revision);
    }
    throw new ServiceError(
      Code.ABORTED,
      `member "${executor}" changed during each of ${ATTEMPTS_MAX} attempts; try again`,
    );
  }

  private rewrite(entry: StoreEntry | null, value: Uint8Array): Promise<TransactionOutcome> {
    const { key = "", revision = 0n, leaseId = null } = entry ?? {};
    return this.store.transaction({ compares: [{ key, revision }], writes: [put(key, value, leaseId)] });
  }

  /** Writes member and session; returns the lease that this life replaces. */
  private async announce(member: Member, lease: Lease): Promise<string | null> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const key = memberKey(member.name);
      const old = await this.store.get(key);
      const report = await this.store.get(reportKey(member.name));
      const before = old && decodeAs("member", old.key, old.value);
      const sameLife =
        before !== null && before.incarnation !== "" && before.incarnation === member.incarnation;
      const record = clone(MemberSchema, member);
      if (sameLife) record.accepting = member.accepting && before.accepting;
      const writes = [
        put(key, encodeRecord("member", record), lease.id),
        beginSession(lease.id, member.name),
      ];
      if (old?.leaseId != null) writes.push({ kind: "delete", key: sessionKey(old.leaseId) });
      if (report !== null)
        writes.push(sameLife ? put(report.key, report.value, lease.id) : dropReport(report));
      const compares = [
        { key, revision: old?.revision ?? 0n },
        { key: reportKey(member.name), revision: report?.revision ?? 0n },
      ];
      const outcome = await this.store.transaction({ compares, writes });
      if (outcome.kind === "committed") {
        await this.hub.reached(outcome.revision);
        return old?.leaseId ?? null;
      }
    }
    throw new ServiceError(
      Code.ABORTED,
      `others joined as "${member.name}" during each of ${ATTEMPTS_MAX} attempts`,
    );
  }
}

function memberFaults(member: Member): string[] {
  const faults = [nameFault("member", member.name)];
  if (member.kind === MemberKind.UNSPECIFIED) faults.push("member kind is not given");
  const isProvider = member.kind === MemberKind.HOST_PROVIDER;
  if (!isProvider && !/^[^\s]+:\d{1,5}$/.test(member.address))
    faults.push(`address "${member.address}" is not host:port`);
  if (isProvider) faults.push(...poolFaults(member.pool));
  if (member.kind === MemberKind.EXECUTOR) {
    if (member.hostType === "") faults.push("host type is not given");
    if (!(member.cpuCores >= 0 && Number.isFinite(member.cpuCores)))
      faults.push(`CPU time of ${member.cpuCores} cores is below 0`);
    if (member.cores < 1) faults.push(`cores ${member.cores} is below 1`);
    if (member.memoryBytes <= 0n) faults.push(`memory of ${member.memoryBytes} bytes is not above 0`);
    if (!(member.pricePerHourUsd >= 0 && Number.isFinite(member.pricePerHourUsd))) {
      faults.push(`price of ${member.pricePerHourUsd} $/h is below 0`);
    }
    if (member.deviceKinds.length === 0) faults.push("no device kind is given");
  }
  return faults.filter((fault) => fault !== null);
}

/** Most hosts that one provider may offer. */
const POOL_HOSTS_MAX = 1_024;

function poolFaults(pool: HostPool | undefined): string[] {
  if (pool === undefined) return ["a host provider without a pool provides nothing"];
  const { minHosts, maxHosts, cores, memoryBytes, pricePerHourUsd, billingMinimumMs } = pool;
  const faults: string[] = [];
  if (!(minHosts >= 0 && minHosts <= maxHosts && maxHosts >= 1 && maxHosts <= POOL_HOSTS_MAX)) {
    faults.push(`${minHosts} to ${maxHosts} hosts are not a range within 0 to ${POOL_HOSTS_MAX}`);
  }
  if (!(cores > 0 && Number.isFinite(cores))) faults.push(`${cores} cores of a host are not above 0`);
  if (memoryBytes <= 0n) faults.push(`memory of ${memoryBytes} bytes is not above 0`);
  if (!(pricePerHourUsd >= 0 && Number.isFinite(pricePerHourUsd)))
    faults.push(`price of ${pricePerHourUsd} $/h is below 0`);
  if (!(billingMinimumMs >= 0 && Number.isFinite(billingMinimumMs)))
    faults.push(`a host that is paid for ${billingMinimumMs} ms at the least is none: 0 or more are allowed`);
  return faults;
}

function reportFaults(report: InstanceReport): string[] {
  const faults: string[] = [];
  const { length } = report.instances;
  if (length > INSTANCES_MAX)
    faults.push(`${length} instances exceed the ${INSTANCES_MAX} one executor may report`);
  const seen = new Set<string>();
  for (const { variant, executor } of report.instances) {
    if (executor !== report.executor)
      faults.push(`instance of "${variant}" is on "${executor}", not "${report.executor}"`);
    if (seen.has(variant)) faults.push(`variant "${variant}" is reported twice`);
    seen.add(variant);
  }
  return faults;
}

function checkedTtlMs(ttlMs: number): number {
  if (ttlMs === 0) return LEASE_TTL_DEFAULT_MS;
  if (ttlMs >= LEASE_TTL_MIN_MS && ttlMs <= LEASE_TTL_MAX_MS) return ttlMs;
  const allowed = `${LEASE_TTL_MIN_MS} to ${LEASE_TTL_MAX_MS} ms, or 0 for ${LEASE_TTL_DEFAULT_MS}`;
  throw new ServiceError(Code.INVALID_ARGUMENT, `lease life of ${ttlMs} ms is outside ${allowed}`);
}

function put(key: string, value: Uint8Array, leaseId: string | null): StoreWrite {
  return { kind: "put", key, value, leaseId };
}

function dropReport({ key }: StoreEntry): StoreWrite {
  return { kind: "delete", key };
}
