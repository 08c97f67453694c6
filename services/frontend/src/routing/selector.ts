import { type Explanation, explanationToWire, type InferHeadInput } from "@infaas/api";
import {
  buildSnapshot,
  type Executor,
  type Offer,
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
import { type BudgetRefusal, refusedByPolicy, unloadedRefusal } from "../query/refusals";
import { budgetBound } from "../view/budget-bound";
import type { CatalogModel } from "../view/catalog";
import type { ClusterView } from "../view/cluster-view";
import { expectedHost } from "../view/expected-host";
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
  /** An instance that could not have answered it in time; absent: none said so yet. */
  readonly late?: LiveInstance;
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

export interface SelectorOptions {
  readonly view: ClusterView;
  readonly policy: Pick<Policy, "select" | "explain">;
  /** Most US dollars per hour of all hosts together. */
  readonly maxUsdPerHour: number;
  /** Is told of a load worth starting though the query does not wait for it. */
  readonly startLoad: (load: StartLoad) => void;
}

/** Less than this of the objective spent before a decision is not worth a copy of the requirements. */
const SPENT_IGNORED_MS = 0.5;
/** Prices are told for so many queries. */
const QUERIES_OF_A_PRICE = 1_000;

/** Requirements that may give where there is no room. */
const relaxable = [
  { relax: "accuracy", field: "minAccuracy" },
  { relax: "latency", field: "latencyMs" },
  { relax: "cost", field: "maxCostUsd" },
] as const;

/** Asks the policy over the view's current state. The policy's snapshot is made anew only when structure changed. */
export class Selector {
  private snapshot: Snapshot | null = null;
  private builtFrom = -1;
  /** No executor of the snapshot takes work; then it has the host that is there next, if one is. */
  private isEmpty = false;
  private expected: Executor | null = null;
  /** The snapshot without some executors: when one dies, all its queries are decided again at once. */
  private without: { readonly names: string; readonly of: Snapshot; readonly snapshot: Snapshot } | null =
    null;

  constructor(private readonly o: SelectorOptions) {}

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
    return this.o.policy.explain(this.snapshotFor(question), this.queryOf(question), question.nowMs);
  }

  private isUnloaded({ variants }: CatalogModel): boolean {
    const { withheld } = this.o.view.catalog;
    return withheld.size > 0 && variants.length > 0 && variants.every((v) => withheld.has(v.name));
  }

  private ask(question: SelectorQuestion): PolicyDecision {
    return this.o.policy.select(this.snapshotFor(question), this.queryOf(question), question.nowMs);
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
    if (decision.kind === "saturated" && decision.startLoad !== null) this.o.startLoad(decision.startLoad);
    const deadlineBinds = question.deadlineBinds || isSpent(question);
    const budget = decision.kind === "saturated" ? this.budgetOf(question) : null;
    const refused = { ...question, deadlineBinds, budget };
    return { kind: "refuse", error: refusedByPolicy(decision, refused, explanation) };
  }

  /** Whether the most dollars an hour are why nothing has room, and what has, with one requirement less. */
  private budgetOf(question: SelectorQuestion): BudgetRefusal | null {
    const because = budgetBound(this.o.view, this.o.maxUsdPerHour);
    if (because === null) return null;
    const query = this.queryOf(question);
    const offers = relaxable.flatMap(({ relax, field }): Offer[] => {
      if (query.slo[field] === null) return [];
      const relaxed = { ...query, slo: { ...query.slo, [field]: null } };
      const found = this.o.policy.select(this.snapshotFor(question), relaxed, question.nowMs);
      if (found.kind !== "selected") return [];
      const { variant, predictedMs, costUsd } = found;
      const accuracy = variant.accuracy?.value ?? null;
      const named = { relax: [relax], variant: variant.name, accuracy };
      return [{ ...named, latencyMs: predictedMs, costUsd: QUERIES_OF_A_PRICE * costUsd }];
    });
    return { because, offers };
  }

  /** The policy's snapshot of the current structure; its load figures are live. */
  current(nowMs: number): Snapshot {
    const { isEmpty } = this;
    const { view } = this.o;
    const isCurrent = this.builtFrom === view.structure;
    if (this.snapshot !== null && isCurrent && !isEmpty) return this.snapshot;
    const expected = expectedHost(view);
    if (this.snapshot !== null && isCurrent && expected?.name === this.expected?.name) return this.snapshot;
    const there = [...view.executors.values()];
    const snapshot = buildSnapshot({
      revision: view.structure,
      atMs: nowMs,
      catalog: view.catalog.servable,
      instances: view.instances,
      executors:
        expected === null ? there : [...there.filter(({ name }) => name !== expected.name), expected],
      previous: this.snapshot,
    });
    this.isEmpty = !there.some((executor) => executor.accepting);
    this.expected = expected;
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
      instances: this.o.view.instances.filter((i) => !excluded.has(i.executor)),
      executors: snapshot.executors.filter((e) => !excluded.has(e.name)),
      previous: snapshot,
    });
  }

  private queryOf(question: SelectorQuestion): Query {
    const { model, sent, rows, remainingMs, late } = question;
    const { target } = model;
    const stated = askedOf(question);
    const isShort = stated.latencyMs !== null && isSpent(question);
    const slo = isShort ? { ...stated, latencyMs: remainingMs } : stated;
    const query = late === undefined ? { target, rows, slo } : { target, rows, slo, late };
    if (sent === null || target.kind !== "task") return query;
    const among = this.o.view.catalog.accepting.of(target.name, sent);
    return among === null ? query : { ...query, among };
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
