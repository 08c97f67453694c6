import { type Explanation, explanationToWire, type InferHeadInput } from "@infaas/api";
import {
  buildSnapshot,
  type Policy,
  type Decision as PolicyDecision,
  type Explanation as PolicyExplanation,
  predictRowsMs,
  type Query,
  type Slo,
  type Snapshot,
  type StartLoad,
} from "@infaas/policy";
import type { ServiceError } from "@infaas/runtime";
import { refusedByPolicy, unloadedRefusal } from "../query/refusals";
import type { CatalogModel } from "../view/catalog";
import type { ClusterView } from "../view/cluster-view";
import type { LiveInstance } from "../view/live-instance";

/** One question to the policy. */
export interface SelectorQuestion {
  readonly model: CatalogModel;
  /** Tensors sent, without their contents; null where there are none yet. */
  readonly sent: readonly InferHeadInput[] | null;
  readonly rows: number;
  readonly slo: Slo;
  /** As `Requirements` has it: a refusal for time is the deadline's then. */
  readonly deadlineBinds: boolean;
  /** What is left of the latency objective; Infinity without one. */
  readonly remainingMs: number;
  readonly explain: boolean;
  readonly nowMs: number;
  /** Executors that lost this query or turned it away. */
  readonly excludedExecutors: readonly string[];
}

/** Send it there. */
export interface Chosen {
  readonly kind: "send";
  readonly instance: LiveInstance;
  readonly costUsd: number;
  readonly downgraded: boolean;
  /** Predicted p95 of the batch this query makes alone. */
  readonly batchLatencyMs: number;
  readonly explanation: Explanation | null;
}

/** What becomes of a query. */
export type Decision =
  | Chosen
  | { readonly kind: "load"; readonly variant: string; readonly executor: string }
  | { readonly kind: "refuse"; readonly error: ServiceError };

/** Less than this of the objective spent before a decision is not worth a copy of the requirements. */
const SPENT_IGNORED_MS = 0.5;

/** Asks the policy over the view's current state. The policy's snapshot is made anew only when structure changed. */
export class Selector {
  private snapshot: Snapshot | null = null;
  private builtFrom = -1;
  /** The snapshot without some executors: when one dies, all its queries are decided again at once. */
  private without: { readonly names: string; readonly of: Snapshot; readonly snapshot: Snapshot } | null =
    null;

  /** `startLoad` is told of a load worth starting though this query does not wait for it. */
  constructor(
    private readonly view: ClusterView,
    private readonly policy: Pick<Policy, "select" | "explain">,
    private readonly startLoad: (load: StartLoad) => void,
  ) {}

  decide(question: SelectorQuestion): Decision {
    if (this.isUnloaded(question.model)) {
      return { kind: "refuse", error: unloadedRefusal(question.model.name) };
    }
    if (!question.explain) return this.follow(this.ask(question), question, null);
    const explained = this.explain(question);
    return this.follow(explained.decision, question, explanationToWire(explained));
  }

  /** The policy's own answer with every candidate considered. */
  explain(question: SelectorQuestion): PolicyExplanation {
    return this.policy.explain(this.snapshotFor(question), this.queryOf(question), question.nowMs);
  }

  private isUnloaded({ variants }: CatalogModel): boolean {
    const { withheld } = this.view.catalog;
    return withheld.size > 0 && variants.length > 0 && variants.every((v) => withheld.has(v.name));
  }

  private ask(question: SelectorQuestion): PolicyDecision {
    return this.policy.select(this.snapshotFor(question), this.queryOf(question), question.nowMs);
  }

  private follow(
    decision: PolicyDecision,
    question: SelectorQuestion,
    explanation: Explanation | null,
  ): Decision {
    if (decision.kind === "selected") {
      const { costUsd, downgraded, variant } = decision;
      return {
        kind: "send",
        instance: decision.instance as LiveInstance,
        costUsd,
        downgraded,
        batchLatencyMs: predictRowsMs(variant, question.rows),
        explanation,
      };
    }
    if (decision.kind === "cold") {
      return { kind: "load", variant: decision.variant.name, executor: decision.executor.name };
    }
    if (decision.kind === "saturated" && decision.startLoad !== null) this.startLoad(decision.startLoad);
    const deadlineBinds = question.deadlineBinds || isSpent(question);
    return { kind: "refuse", error: refusedByPolicy(decision, { ...question, deadlineBinds }, explanation) };
  }

  /** The policy's snapshot of the current structure; its load figures are live. */
  current(nowMs: number): Snapshot {
    const { view } = this;
    if (this.snapshot !== null && this.builtFrom === view.structure) return this.snapshot;
    const snapshot = buildSnapshot({
      revision: view.structure,
      atMs: nowMs,
      catalog: view.catalog.servable,
      instances: view.instances,
      executors: [...view.executors.values()],
      previous: this.snapshot,
    });
    this.snapshot = snapshot;
    this.builtFrom = view.structure;
    return snapshot;
  }

  private snapshotFor({ nowMs, excludedExecutors }: SelectorQuestion): Snapshot {
    const snapshot = this.current(nowMs);
    if (excludedExecutors.length === 0) return snapshot;
    const names = excludedExecutors.join("\n");
    if (this.without?.of !== snapshot || this.without.names !== names) {
      const reduced = this.reduced(snapshot, new Set(excludedExecutors), nowMs);
      this.without = { names, of: snapshot, snapshot: reduced };
    }
    return this.without.snapshot;
  }

  private reduced(snapshot: Snapshot, excluded: ReadonlySet<string>, nowMs: number): Snapshot {
    return buildSnapshot({
      revision: snapshot.revision,
      atMs: nowMs,
      catalog: snapshot.catalog,
      instances: this.view.instances.filter((i) => !excluded.has(i.executor)),
      executors: snapshot.executors.filter((e) => !excluded.has(e.name)),
      previous: snapshot,
    });
  }

  private queryOf(question: SelectorQuestion): Query {
    const { model, sent, rows, remainingMs } = question;
    const { target } = model;
    const stated = askedOf(question);
    const isShort = stated.latencyMs !== null && isSpent(question);
    const slo = isShort ? { ...stated, latencyMs: remainingMs } : stated;
    if (sent === null || target.kind !== "task") return { target, rows, slo };
    const among = this.view.catalog.accepting.of(target.name, sent);
    return among === null ? { target, rows, slo } : { target, rows, slo, among };
  }
}

/** Part of its objective was spent in a queue, on a load or on its way: what nobody can do any more was feasible before. */
function isSpent({ slo: { latencyMs }, remainingMs }: SelectorQuestion): boolean {
  return latencyMs !== null && latencyMs - remainingMs > SPENT_IGNORED_MS;
}

/** Nobody knows whether a deadline can be met by what was never measured: it is tried, and ends when it is over. */
function askedOf({ model, slo, deadlineBinds }: SelectorQuestion): Slo {
  return deadlineBinds && model.unprofiledReason !== null ? { ...slo, latencyMs: null } : slo;
}
