import { Cluster } from "../cluster";
import type { ReferenceEngine } from "../reference";
import { checkModel, type ModelToCheck, type Outcome } from "./check-model";

/** Models that one system is asked for, before a new one is started: catalogues stay small, and so does what is in memory. */
const MODELS_OF_A_SYSTEM = 150;
/** Models that are checked at a time: each executor profiles one, the others are asked. */
const AT_A_TIME = 4;
const EXECUTORS = "2";

/** What became of each model, by its name. */
export type Outcomes = ReadonlyMap<string, Outcome>;

/** Checks models in turn on systems of real processes; `onOutcome` is called with each as it is known. */
export async function checkAll(
  models: readonly ModelToCheck[],
  engine: ReferenceEngine,
  onOutcome: (model: ModelToCheck, outcome: Outcome) => void = () => undefined,
): Promise<Outcomes> {
  const outcomes = new Map<string, Outcome>();
  for (let from = 0; from < models.length; from += MODELS_OF_A_SYSTEM) {
    const cluster = await Cluster.start({ zoo: "none", args: ["--executors", EXECUTORS] });
    const waiting = models.slice(from, from + MODELS_OF_A_SYSTEM);
    const work = async () => {
      for (let model = waiting.shift(); model !== undefined; model = waiting.shift()) {
        const outcome = await checkModel(cluster.client, engine, model);
        outcomes.set(model.name, outcome);
        onOutcome(model, outcome);
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_A_TIME }, work));
    } finally {
      await cluster.stop();
    }
  }
  return outcomes;
}
