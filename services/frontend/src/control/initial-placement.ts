import { type ClusterService, type RegistrationResult, variantFromWire } from "@infaas/api";
import { RECORD_CALL_TIMEOUT_MS } from "@infaas/cluster";
import { type PlannedInstance, planInitialPlacement } from "@infaas/policy";
import { type ClientOf, type Logger, ServiceError } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import { instancesPerExecutor } from "./placement-repair";

export interface InitialPlacementOptions {
  readonly view: ClusterView;
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly logger: Logger;
}

/**
 * Places one instance of every efficient variant of a new architecture, as far as memory goes. A placement that is not
 * recorded is only logged: the registration stands, and the first query that needs the variant has it loaded.
 */
export async function placeInitially(
  o: InitialPlacementOptions,
  result: RegistrationResult,
  readRevision: bigint,
): Promise<void> {
  const variants = result.variants.flatMap((wire) => {
    const converted = variantFromWire(wire);
    return converted.ok ? [converted.value] : [];
  });
  const plan = planInitialPlacement(
    variants,
    [...o.view.executors.values()],
    instancesPerExecutor(o.view.placements),
  );
  o.logger.info("initial placement", { placements: plan.placements, leftOut: plan.leftOut });
  await wantInstances(o, plan.placements, { reason: "registration", readRevision });
}

/**
 * Places these instances, as planned by records up to `readRevision`; a placement that is not recorded is
 * logged.
 */
export async function wantInstances(
  o: {
    readonly cluster: Pick<ClientOf<typeof ClusterService>, "setPlacement">;
    readonly logger: Logger;
  },
  instances: readonly PlannedInstance[],
  { reason, readRevision }: { reason: "registration" | "autoscaler"; readRevision: bigint },
): Promise<void> {
  for (const { variant, executor } of instances) {
    const placement = { variant, executor, reason };
    try {
      const asked = { placement, wanted: true, readRevision };
      await o.cluster.setPlacement(asked, { timeoutMs: RECORD_CALL_TIMEOUT_MS });
    } catch (error) {
      o.logger.warn("placement not recorded", { variant, executor, error: ServiceError.from(error).message });
    }
  }
}
