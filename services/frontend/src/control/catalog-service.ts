import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  CatalogService,
  type ClusterService,
  type ExecutorStatusSchema,
  type InstanceStatusSchema,
  type RegistryService,
} from "@infaas/api";
import { actingFor, USER_CALL_TIMEOUT_MS } from "@infaas/cluster";
import {
  type ClientOf,
  type Clock,
  Code,
  type Implementation,
  implementService,
  ServiceError,
} from "@infaas/runtime";
import type { Statistics } from "../telemetry/statistics";
import type { ClusterView } from "../view/cluster-view";
import type { DemandTable } from "../view/demand-table";
import type { LiveExecutor } from "../view/live-instance";
import { freezeOf, freezePlan, getPlan, listChanges } from "./plan-service";
import { type RegistrationOptions, registerModel } from "./registration";
import type { ScalingLoop } from "./scaling-loop";
import {
  demandStatuses,
  executorCosts,
  frontendStatuses,
  hostStatuses,
  scalingStatus,
} from "./scaling-status";

export interface CatalogServiceOptions {
  readonly view: ClusterView;
  readonly statistics: Statistics;
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly registry: ClientOf<typeof RegistryService>;
  readonly registration: RegistrationOptions;
  readonly scaling: ScalingLoop;
  readonly demandTable: DemandTable;
  readonly clock: Clock;
  /** How often figures are told. */
  readonly metricPeriodMs: number;
}

/** Age shown before metadata was first reached. */
const AGE_NEVER_MS = -1;

/** infaas.v1.CatalogService: models, variants, executors and instances. */
export function catalogService(o: CatalogServiceOptions): Implementation {
  const { view } = o;
  return implementService(CatalogService, {
    putTask: async ({ task, readRevision }, { caller }) => {
      if (task === undefined) throw new ServiceError(Code.INVALID_ARGUMENT, "task is missing");
      const asked = { task, readRevision, ...actingFor(caller) };
      const put = await o.registry.putTaskRecord(asked, { timeoutMs: USER_CALL_TIMEOUT_MS });
      return { task: put.task ?? task };
    },
    registerModel: (request, { caller, signal }) =>
      registerModel(o.registration, request, { caller, signal }),
    listModels: async ({ task }) => listModels(view, task),
    getStatus: async () => ({
      executors: executorStatuses(o),
      instances: [...instanceStatuses(view)],
      snapshotRevision: view.revision,
      snapshotAgeMs: Number.isFinite(view.ageMs) ? view.ageMs : AGE_NEVER_MS,
      leader: view.leader,
      queriesAnswered: BigInt(o.statistics.answered),
      queriesRefused: BigInt(o.statistics.refused),
      hosts: hostStatuses(view, o.clock),
      demand: demandStatuses(o.demandTable),
      ...scalingStatus(o.scaling),
      frontends: frontendStatuses(view, o.demandTable, o),
      ...freezeOf(view),
    }),
    listChanges: async ({ subject }) => listChanges(view, subject),
    getPlan: async () => getPlan(o),
    freezePlan: ({ frozen }, { caller }) => freezePlan(o, frozen, caller),
    drainExecutor: async ({ executor }) => {
      await setAccepting(o, executor, false);
      return {};
    },
    undrainExecutor: async ({ executor }) => {
      await setAccepting(o, executor, true);
      return {};
    },
    delete: async ({ name, withModels }, { caller }) => {
      const asked = { name, withModels, ...actingFor(caller) };
      const { deleted } = await o.registry.deleteRecords(asked, { timeoutMs: USER_CALL_TIMEOUT_MS });
      return deleted ?? {};
    },
  });
}

async function setAccepting(
  { view, cluster }: CatalogServiceOptions,
  executor: string,
  accepting: boolean,
): Promise<void> {
  if (!view.executors.has(executor)) {
    const known = [...view.executors.keys()].join(", ");
    throw new ServiceError(Code.NOT_FOUND, `executor '${executor}' is not known; known: ${known}`);
  }
  await cluster.setAccepting({ executor, accepting }, { timeoutMs: USER_CALL_TIMEOUT_MS });
}

function listModels(view: ClusterView, task: string) {
  const { tasks, architectures, wireVariants } = view.catalog;
  const isAsked = (name: string) => task === "" || name === task;
  if (task !== "" && !tasks.some((t) => t.name === task)) {
    const model = architectures.find(({ name, aliases }) => name === task || aliases.includes(task));
    const known = tasks.map((t) => t.name).join(", ") || "none";
    const hint = model === undefined ? `known: ${known}` : `the model of that name serves '${model.task}'`;
    throw new ServiceError(Code.NOT_FOUND, `task '${task}' is not known; ${hint}`);
  }
  const variants = wireVariants.filter((v) => isAsked(v.task));
  const names = new Set(variants.map((v) => v.name));
  return {
    tasks: tasks.filter((t) => isAsked(t.name)),
    architectures: architectures.filter((a) => isAsked(a.task)),
    variants,
    instances: [...instanceStatuses(view)].filter((i) => i.phase !== undefined && names.has(i.variant ?? "")),
    revision: view.revision,
  };
}

function* instanceStatuses(view: ClusterView): Generator<MessageInitShape<typeof InstanceStatusSchema>> {
  const wanted = new Map(
    [...view.placements].map((p) => [
      `${p.executor}\n${p.variant}`,
      p.plan === "" ? `wanted by ${p.reason}` : `wanted by ${p.reason}: ${p.plan}`,
    ]),
  );
  for (const [executor, status] of view.allStatuses()) {
    const key = `${executor}\n${status.variant}`;
    const wantedBecause = wanted.get(key);
    wanted.delete(key);
    const live = view.instance(status.variant, executor);
    const { variant, phase, reason, memoryBytes, loadMs, loadOverride } = status;
    const loaded = loadOverride === undefined ? {} : { loadOverride };
    const will = wantedBecause === undefined ? {} : { wantedBecause };
    const base = { variant, executor, phase, reason, memoryBytes, loadMs, ...loaded, ...will };
    if (live === undefined) {
      yield base;
      continue;
    }
    const { state, inFlight, drainMs, servedPerSecond } = live;
    yield { ...base, loadState: state, inFlight, drainMs, servedPerSecond };
  }
  // Wanted, and its executor has said nothing of it.
  for (const [key, wantedBecause] of wanted) {
    const [executor = "", variant = ""] = key.split("\n");
    yield { variant, executor, wantedBecause };
  }
}

function executorStatuses({
  view,
  scaling,
  clock,
}: CatalogServiceOptions): MessageInitShape<typeof ExecutorStatusSchema>[] {
  const costs = executorCosts(view, scaling.state);
  const nowMs = clock.nowMs();
  return [...view.executors.values()].map((executor) => {
    const cost = costs.get(executor.name);
    return {
      ...executorStatus(executor),
      figuresAgeMs: Math.max(0, nowMs - executor.toldMs),
      figuresUnknown: executor.isUnheard,
      usedPerHourUsd: cost?.usedUsd ?? 0,
      idleBecause: cost?.because ?? "",
    };
  });
}

function executorStatus(executor: LiveExecutor): MessageInitShape<typeof ExecutorStatusSchema> {
  const { name, hostType, cores, utilisation, pricePerHourUsd, accepting, facts } = executor;
  return {
    name,
    address: facts.address,
    hostType,
    cores,
    cpuCores: facts.cpuCores,
    memoryBytes: BigInt(Math.round(executor.memoryBytes)),
    memoryFreeBytes: BigInt(Math.round(executor.memoryFreeBytes)),
    memoryResidentBytes: BigInt(Math.round(executor.memoryResidentBytes)),
    utilisation,
    pricePerHourUsd,
    accepting,
    deviceKinds: [...executor.deviceKinds],
  };
}
