import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Architecture,
  ArtifactService,
  ClusterService,
  type Host,
  HostState,
  type Job,
  JobRecordService,
  JobState,
  type PlacedVariant,
  PlacedVariantSchema,
  type Placement,
  RecordSchema,
  RegistryService,
  type Variant,
  type WatchResponse,
  WatchResponseSchema,
  type Record as WireRecord,
} from "@infaas/api";
import {
  Code,
  createLogger,
  createRpcServer,
  implementService,
  type RpcServer,
  ServiceError,
} from "@infaas/runtime";

type RecordValue = NonNullable<MessageInitShape<typeof RecordSchema>["value"]>;

/** An instance that an executor should hold. */
export type PlacedInstance = Pick<Placement, "executor" | "variant" | "reason" | "priority">;

/**
 * Metadata in memory behind a real socket: records, a watch with snapshot, placements. For tests of the
 * frontend.
 */
export class MemoryMetadata {
  private readonly records = new Map<string, WireRecord>();
  private readonly watchers = new Set<(response: WatchResponse) => void>();
  private server: RpcServer | null = null;
  private revision = 1n;
  /** When variants were put last. */
  private changedAt = 0n;
  /** Members by lease. */
  private readonly leases = new Map<string, string>();
  private port = 0;
  /** Called on each placement that is wanted. */
  onPlacement: (placement: PlacedInstance) => void = () => undefined;
  /** Called on each placement that is wanted no longer. */
  onUnplacement: (placement: PlacedInstance) => void = () => undefined;
  /** Called after variants were recorded. */
  onVariants: (variants: readonly Variant[]) => void = () => undefined;
  /** False: whoever campaigns, nobody leads. */
  mayLead = true;
  /** Each that was wanted, or wanted anew. */
  readonly placements: PlacedInstance[] = [];
  /** Files that were uploaded, by digest. */
  readonly uploads = new Map<string, number>();
  /** Their content. */
  private readonly files = new Map<string, Buffer>();
  /** Called before each step of a job; what it throws is answered. */
  onJobStep: (job: Job) => void = () => undefined;

  /** The record of a host that comes and goes. */
  host(name: string): Host | undefined {
    const value = this.records.get(`host/${name}`)?.value;
    return value?.case === "host" ? value.value : undefined;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const server = createRpcServer({ logger: createLogger({ service: "metadata", level: "error" }) });
    server.add(this.cluster());
    server.add(this.registry());
    server.add(this.artifacts());
    server.add(this.jobRecords());
    this.port = await server.listen(`127.0.0.1:${this.port}`);
    this.server = server;
  }

  /** As a crash looks from outside: the port is closed, every stream breaks. `start` brings it back. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    for (const watcher of this.watchers) watcher(create(WatchResponseSchema));
    this.watchers.clear();
    await server?.stop(0);
  }

  /** Loads that frontends need, by frontend and variant. */
  get loadRequests(): readonly string[] {
    return [...this.records.values()].flatMap(({ value }) =>
      value.case === "loadRequests"
        ? value.value.requests.map(({ variant }) => `${value.value.frontend} ${variant}`)
        : [],
    );
  }

  /** Has a record say that the executor should hold an instance of the variant. */
  place(executor: string, variant: string, reason = "registration"): void {
    const entry = create(PlacedVariantSchema, { variant, reason, generation: 1n });
    const others = this.placementOf(executor).filter((held) => held.variant !== variant);
    this.putPlacement(executor, [...others, entry]);
  }

  private placementOf(executor: string): readonly PlacedVariant[] {
    const value = this.records.get(`executor-placement/${executor}`)?.value;
    return value?.case === "executorPlacement" ? value.value.variants : [];
  }

  private putPlacement(executor: string, variants: readonly PlacedVariant[]): void {
    const value = { executor, variants: [...variants] };
    this.put(`executor-placement/${executor}`, { case: "executorPlacement", value });
  }

  /** Records what the executor should hold, and tells who asked to be told of what that changes. */
  private plan(executor: string, variants: readonly PlacedVariant[]): void {
    const before = new Map(this.placementOf(executor).map((entry) => [entry.variant, entry]));
    this.putPlacement(executor, variants);
    for (const entry of variants) {
      const isNew = before.get(entry.variant)?.generation !== entry.generation;
      before.delete(entry.variant);
      if (!isNew) continue;
      this.placements.push({ ...entry, executor });
      this.onPlacement({ ...entry, executor });
    }
    for (const entry of before.values()) this.onUnplacement({ ...entry, executor });
  }

  put(key: string, value: RecordValue): void {
    const record = create(RecordSchema, { key, value });
    this.records.set(key, record);
    this.tell({ puts: [record] });
  }

  delete(key: string): void {
    this.records.delete(key);
    this.tell({ deletedKeys: [key] });
  }

  private tell(change: MessageInitShape<typeof WatchResponseSchema>): void {
    this.revision++;
    const response = create(WatchResponseSchema, { ...change, revision: this.revision });
    for (const watcher of this.watchers) watcher(response);
  }

  private cluster() {
    return implementService(ClusterService, {
      join: async ({ member, ttlMs }) => {
        if (member !== undefined) this.put(`member/${member.name}`, { case: "member", value: member });
        const leaseId = `lease-${this.leases.size + 1}`;
        this.leases.set(leaseId, member?.name ?? "");
        return { leaseId, ttlMs };
      },
      keepAlive: async () => ({ ttlMs: 5_000 }),
      leave: async () => ({}),
      setAccepting: async ({ executor, accepting }) => {
        const member = this.records.get(`member/${executor}`)?.value;
        if (member?.case === "member") {
          this.put(`member/${executor}`, { case: "member", value: { ...member.value, accepting } });
        }
        return {};
      },
      setFreeze: async ({ freeze }) => {
        if (freeze === undefined) this.delete("freeze");
        else this.put("freeze", { case: "freeze", value: freeze });
        return { revision: this.revision };
      },
      campaign: async ({ member }) => {
        if (!this.mayLead) return {};
        const held = this.records.get("leader")?.value;
        if (held?.case === "leadership") return { leadership: held.value };
        const leadership = { member, term: 1n };
        this.put("leader", { case: "leadership", value: leadership });
        return { leadership };
      },
      setPlacement: async ({ placements, wanted }) => {
        const isOperators = placements.every(({ reason }) => reason === "operator");
        if (!isOperators && this.records.has("leader"))
          throw new ServiceError(Code.FAILED_PRECONDITION, "somebody leads");
        for (const { executor, variant, ...rest } of placements) {
          const others = this.placementOf(executor).filter((held) => held.variant !== variant);
          const { reason, plan, priority } = rest;
          const generation = this.revision;
          const entry = create(PlacedVariantSchema, { variant, reason, plan, priority, generation });
          this.plan(executor, wanted ? [...others, entry] : others);
        }
        return { revision: this.revision };
      },
      setPlacements: async ({ placements }) => {
        for (const { executor, variants } of placements) this.plan(executor, variants);
        return { revision: this.revision };
      },
      requestLoads: async ({ leaseId, requests }) => {
        const frontend = this.leases.get(leaseId);
        if (frontend === undefined) throw new ServiceError(Code.NOT_FOUND, `lease ${leaseId} is not running`);
        const key = `load-requests/${frontend}`;
        if (requests.length === 0) this.delete(key);
        else this.put(key, { case: "loadRequests", value: { frontend, requests } });
        return {};
      },
      setHost: async ({ host, from }) => {
        if (host === undefined) return { revision: this.revision };
        const held = this.records.get(`host/${host.name}`)?.value;
        const now = held?.case === "host" ? held.value.state : HostState.UNSPECIFIED;
        if (!from.includes(now))
          throw new ServiceError(Code.ABORTED, `host ${host.name} is ${HostState[now]}`);
        this.put(`host/${host.name}`, { case: "host", value: host });
        return { revision: this.revision };
      },
      watch: (_request, { signal }) => this.watch(signal),
    });
  }

  private registry() {
    return implementService(RegistryService, {
      putTaskRecord: async ({ task }) => {
        if (task !== undefined) this.put(`task/${task.name}`, { case: "task", value: task });
        return { revision: this.revision };
      },
      putArchitecture: async ({ architecture }) => ({ architecture: this.putArchitecture(architecture) }),
      putVariants: async ({ variants, readRevision }) => {
        const { changedAt } = this;
        if (readRevision > 0n && changedAt > readRevision)
          throw new ServiceError(Code.ABORTED, `variants changed at ${changedAt}, read at ${readRevision}`);
        this.changedAt = this.revision + 1n;
        for (const value of variants) this.put(`variant/${value.name}`, { case: "variant", value });
        this.onVariants(variants);
        return { revision: this.revision };
      },
    });
  }

  /** What the fixture's models are made of is there; anything else is once it was uploaded. */
  private artifacts() {
    return implementService(ArtifactService, {
      statArtifact: async ({ digest }) => ({ complete: digest.length < 64 || this.uploads.has(digest) }),
      uploadArtifact: async (requests) => {
        let totalBytes = 0n;
        for await (const { digest, data, totalBytes: total } of requests) {
          this.uploads.set(digest, (this.uploads.get(digest) ?? 0) + data.length);
          this.files.set(digest, Buffer.concat([this.files.get(digest) ?? Buffer.alloc(0), data]));
          totalBytes = total;
        }
        return { totalBytes };
      },
      downloadArtifact: (request) => this.download(request.digest, Number(request.offset)),
    });
  }

  private async *download(digest: string, offset: number) {
    const content = this.files.get(digest);
    if (content === undefined) throw new ServiceError(Code.NOT_FOUND, `${digest} is not here whole`);
    yield { data: content.subarray(offset), totalBytes: BigInt(content.length) };
  }

  /** The job of this name as it is recorded. */
  job(name: string): Job | undefined {
    const value = this.records.get(`job/${name}`)?.value;
    return value?.case === "job" ? value.value : undefined;
  }

  private jobRecords() {
    const put = (job: Job) => {
      this.put(`job/${job.name}`, { case: "job", value: job });
      return { job };
    };
    const running = (name: string) => {
      const job = this.job(name);
      if (job?.state === JobState.RUNNING) return job;
      throw new ServiceError(Code.FAILED_PRECONDITION, `job ${name} has ended`);
    };
    return implementService(JobRecordService, {
      putJobRecord: async ({ job }) => (job === undefined ? {} : put(job)),
      advanceJobRecord: async ({ name, fromPart, part, state, reason, endedEpochMs }) => {
        const job = running(name);
        this.onJobStep(job);
        if (job.parts.length !== fromPart) throw new ServiceError(Code.ABORTED, `job has other parts`);
        const parts = part === undefined ? job.parts : [...job.parts, part];
        return put({ ...job, parts, state, reason, endedEpochMs });
      },
      cancelJobRecord: async ({ name, endedEpochMs }) =>
        put({ ...running(name), state: JobState.CANCELLED, endedEpochMs }),
    });
  }

  private putArchitecture(architecture: Architecture | undefined): Architecture {
    if (architecture === undefined) throw new Error("architecture is missing");
    const recorded = { ...architecture, version: Math.max(1, architecture.version) };
    this.put(`architecture/${recorded.name}`, { case: "architecture", value: recorded });
    return recorded;
  }

  private async *watch(signal: AbortSignal): AsyncGenerator<WatchResponse> {
    const queue: WatchResponse[] = [];
    let wake: () => void = () => undefined;
    const watcher = (response: WatchResponse) => {
      queue.push(response);
      wake();
    };
    this.watchers.add(watcher);
    signal.addEventListener("abort", () => wake());
    yield create(WatchResponseSchema, {
      revision: this.revision,
      snapshotBegin: true,
      snapshotComplete: true,
      puts: [...this.records.values()],
    });
    while (!signal.aborted) {
      if (this.server === null) throw new ServiceError(Code.UNAVAILABLE, "metadata crashed");
      const next = queue.shift();
      if (next !== undefined) yield next;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    this.watchers.delete(watcher);
  }
}
