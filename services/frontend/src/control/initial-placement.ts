import { type RegistrationResult, variantFromWire } from "@infaas/api";
import { planInitialPlacement } from "@infaas/policy";
import type { Logger, ServiceError } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import type { NeededLoad } from "../view/load-answer";
import { instancesPerExecutor } from "./placement-repair";

export interface InitialPlacementOptions {
  readonly view: ClusterView;
  readonly logger: Logger;
  /** Asks the leader for a load. */
  readonly requests: {
    ask(load: NeededLoad, settled: (fault: ServiceError | null) => void): unknown;
  };
}

/**
 * Asks for one instance of every efficient variant of a new architecture, as far as memory goes; resolves once all are placed. An
 * instance that cannot be placed is only logged: the registration stands, and the first query that needs the variant has it loaded.
 */
export async function placeInitially(o: InitialPlacementOptions, result: RegistrationResult): Promise<void> {
  const variants = result.variants.flatMap((wire) => {
    const converted = variantFromWire(wire);
    return converted.ok ? [converted.value] : [];
  });
  const { placements, leftOut } = planInitialPlacement(
    variants,
    [...o.view.executors.values()],
    instancesPerExecutor(o.view.placements),
  );
  o.logger.info("initial placement", { placements, leftOut });
  await Promise.all(placements.map((placement) => placed(o, placement)));
}

function placed(
  { requests, logger }: InitialPlacementOptions,
  { variant, executor }: { readonly variant: string; readonly executor: string },
): Promise<void> {
  return new Promise((done) => {
    requests.ask({ variant, executor, reason: "registration", except: [] }, (fault) => {
      if (fault !== null) logger.warn("not placed", { variant, executor, error: fault.message });
      done();
    });
  });
}
