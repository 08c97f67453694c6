import { type ClusterService, type RegistrationResult, variantFromWire } from "@infaas/api";
import { planInitialPlacement } from "@infaas/policy";
import { type ClientOf, type Logger, ServiceError } from "@infaas/runtime";
import type { ClusterView } from "./cluster-view";

/** What initial placement needs. */
export interface InitialPlacementOptions {
  readonly view: ClusterView;
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly logger: Logger;
}

const CALL_TIMEOUT_MS = 5_000;

/**
 * Wants one instance of every efficient variant of a fresh architecture, as far as memory goes. A placement that is not
 * recorded is only logged: the registration stands, and the first query that needs the variant has it loaded.
 */
export async function placeInitially(o: InitialPlacementOptions, result: RegistrationResult): Promise<void> {
  const variants = result.variants.flatMap((wire) => {
    const converted = variantFromWire(wire);
    return converted.ok ? [converted.value] : [];
  });
  const plan = planInitialPlacement(variants, [...o.view.executors.values()]);
  o.logger.info("initial placement", { placements: plan.placements, leftOut: plan.leftOut });
  for (const { variant, executor } of plan.placements) {
    const placement = { variant, executor, reason: "registration" };
    try {
      await o.cluster.setPlacement({ placement, wanted: true }, { timeoutMs: CALL_TIMEOUT_MS });
    } catch (error) {
      o.logger.warn("placement not recorded", { variant, executor, error: ServiceError.from(error).message });
    }
  }
}
