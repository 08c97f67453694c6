import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ClusterService,
  FreezePlanResponseSchema,
  GetPlanResponseSchema,
  ListChangesResponseSchema,
  PlannedChangeSchema,
} from "@infaas/api";
import { USER_CALL_TIMEOUT_MS } from "@infaas/cluster";
import { loadPhases, type ScalingPlan } from "@infaas/policy";
import { type Caller, type ClientOf, type Clock, Code, ServiceError } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import type { ScalingLoop } from "./scaling-loop";
import { scalingStatus } from "./scaling-status";

export interface PlanServiceOptions {
  readonly view: ClusterView;
  readonly scaling: ScalingLoop;
  readonly cluster: Pick<ClientOf<typeof ClusterService>, "setFreeze">;
  readonly clock: Clock;
}

/** What changed lately and why, with the times of loads; NOT_FOUND for a name that nothing was ever heard of. */
export function listChanges(
  view: ClusterView,
  subject: string,
): MessageInitShape<typeof ListChangesResponseSchema> {
  const { journal, loads, catalog, executors, hosts } = view;
  const changes = journal.of(subject);
  const isAsked = (variant: string) =>
    subject === "" || variant === subject || variant.startsWith(`${subject}.`);
  const times = loads.all(isAsked);
  const isKnown =
    subject === "" ||
    catalog.variants.some(({ name }) => isAsked(name)) ||
    executors.has(subject) ||
    hosts.some(({ name }) => name === subject);
  if (!isKnown && changes.length === 0 && times.length === 0)
    throw new ServiceError(Code.NOT_FOUND, `'${subject}' is no host, variant or architecture that is known`);
  return {
    changes: changes.map(({ epochMs, kind, host, variant, because }) => ({
      epochMs,
      kind,
      host,
      variant,
      because,
    })),
    loads: times.map(({ variant, hostType, loads: count, phases }) => ({
      variant,
      hostType,
      loads: count,
      phases: loadPhases.map((phase) => ({ phase, ...phases[phase] })),
    })),
  };
}

/** The plan of the last round, and whether it is carried out. */
export function getPlan({
  view,
  scaling,
}: PlanServiceOptions): MessageInitShape<typeof GetPlanResponseSchema> {
  const { plan } = scaling;
  if (plan === null) throw new ServiceError(Code.FAILED_PRECONDITION, planlessSentence(view));
  const lines = plan.explain().map(({ from, to, hosts, ...line }) => ({
    ...line,
    from: [...from],
    to: [...to],
    hosts: [...hosts],
  }));
  return {
    ...scalingStatus(scaling),
    steps: stepsOf(plan),
    waits: [...plan.waits],
    lines,
    ...freezeOf(view),
  };
}

/** What is due now, in the order in which it is done. */
function stepsOf({
  changes,
  placements,
  unloads,
}: ScalingPlan): MessageInitShape<typeof PlannedChangeSchema>[] {
  const instances = (kind: string, steps: ScalingPlan["placements"]) =>
    steps.map(({ variant, executor: host, because }) => ({ kind, host, variant, because }));
  return [...changes, ...instances("load", placements), ...instances("unload", unloads)];
}

/** Has leaders carry out no plan, or carry them out again. */
export async function freezePlan(
  { view, cluster, clock }: PlanServiceOptions,
  frozen: boolean,
  caller: Caller,
): Promise<MessageInitShape<typeof FreezePlanResponseSchema>> {
  const freeze = { by: caller.tenant, sinceEpochMs: clock.epochMs() };
  await cluster.setFreeze(frozen ? { freeze } : {}, { timeoutMs: USER_CALL_TIMEOUT_MS });
  return frozen ? { freeze: view.freeze ?? freeze } : {};
}

/** Whether what is planned is carried out, for messages. */
export function freezeOf({ freeze }: ClusterView) {
  return freeze === null ? {} : { freeze };
}

function planlessSentence({ hostProvider, leader, frontends }: ClusterView): string {
  if (hostProvider === null) return "hosts do not come and go: no member provides them";
  const leading = frontends.find(({ name }) => name === leader);
  if (leading === undefined) return "no frontend leads; ask again in a second";
  return `the plan is made by ${leader}, which leads: ask it at ${leading.address}`;
}
