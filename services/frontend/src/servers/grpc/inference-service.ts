import { explanationToWire, InferenceService } from "@infaas/api";
import { type Clock, Code, type Implementation, implementService, ServiceError } from "@infaas/runtime";
import { lookUpNamed } from "../../query/named-model";
import { refusalMessage } from "../../query/refusals";
import { readSlo } from "../../query/typed-slo";
import type { Selector } from "../../routing/selector";
import type { ClusterView } from "../../view/cluster-view";

export interface InferenceServiceOptions {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly selector: Selector;
}

const ROWS_MAX = 1_000_000;

/** infaas.v1.InferenceService but for Query, which is served on raw bytes (`queryIngress`). */
export function inferenceService(o: InferenceServiceOptions): Implementation {
  return implementService(InferenceService, {
    explain: async ({ target, slo, rows }) => {
      const named = lookUpNamed(o.view, target, "");
      if (named instanceof ServiceError) throw named;
      const { model } = named;
      if (rows < 0 || rows > ROWS_MAX) {
        throw new ServiceError(
          Code.INVALID_ARGUMENT,
          `rows is ${rows}; allowed: 1 to ${ROWS_MAX}, 0 means 1`,
        );
      }
      const read = readSlo(slo, named.stated, null);
      if (read instanceof ServiceError) throw read;
      const { slo: wanted, deadlineBinds } = read;
      const question = {
        model,
        sent: null,
        rows: Math.max(1, rows),
        slo: wanted,
        deadlineBinds,
        remainingMs: wanted.latencyMs ?? Number.POSITIVE_INFINITY,
        explain: true,
        nowMs: o.clock.nowMs(),
        excludedExecutors: [],
      };
      const explained = o.selector.explain(question);
      const { decision } = explained;
      const explanation = explanationToWire(explained);
      if (decision.kind === "selected" || decision.kind === "cold") {
        return { variant: decision.variant.name, executor: decision.executor.name, explanation };
      }
      return { explanation, refusal: refusalMessage(decision, question, null) };
    },
  });
}
