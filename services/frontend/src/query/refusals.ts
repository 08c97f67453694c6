import { create, toBinary } from "@bufbuild/protobuf";
import { type Explanation, type Refusal, type RefusalFrame, RefusalSchema } from "@infaas/api";
import {
  type FairRefusal,
  type Infeasible,
  type Offer,
  type OverBounds,
  type Saturated,
  TENANT_WAITING_MAX,
  type Unknown,
} from "@infaas/policy";
import { Code, codeFrom, type ErrorDetail, retryInfo, ServiceError } from "@infaas/runtime";
import type { CatalogModel } from "../view/catalog";

/** What was asked, as far as a refusal repeats it. */
export interface RefusedQuestion {
  readonly model: Pick<CatalogModel, "name"> & Partial<Pick<CatalogModel, "unprofiledReason">>;
  readonly rows: number;
  /** The latency objective is the deadline of the transport; nobody stated it as a requirement. */
  readonly deadlineBinds: boolean;
  /** What could answer is full, and the most dollars an hour forbid more of it; absent: they do not. */
  readonly budget?: BudgetRefusal | null;
}

/** A refusal for the most dollars an hour. */
export interface BudgetRefusal {
  readonly because: string;
  /** What has room now, with other requirements. */
  readonly offers: readonly Offer[];
}

/** Candidates named in a refusal's explanation: status details must fit the 8 KiB of header that stock clients take. */
const CANDIDATES_MAX = 16;

/** Decisions of the policy that refuse a query. */
export type Refusing = Infeasible | Saturated | Unknown;

/** The refusal for a decision of the policy: canonical code, a sentence that says what would be accepted, and offers. */
export function refusedByPolicy(
  decision: Refusing,
  question: RefusedQuestion,
  explanation: Explanation | null = null,
): ServiceError {
  const refusal = refusalMessage(decision, question, explanation);
  const value = toBinary(RefusalSchema, refusal);
  const details: ErrorDetail[] = [{ typeName: RefusalSchema.typeName, value }];
  if (refusal.retryAfterMs !== undefined) details.push(retryInfo(refusal.retryAfterMs));
  return new ServiceError(codeOfRefusal(decision, question), sentence(decision, question), { details });
}

/** The same refusal as the typed message in the status details. */
export function refusalMessage(
  decision: Refusing,
  question: RefusedQuestion,
  explanation: Explanation | null,
): Refusal {
  const offers = decision.kind === "infeasible" ? decision.offers : (question.budget?.offers ?? []);
  return create(RefusalSchema, {
    reason: sentence(decision, question),
    offers: offers.map((offer) => ({
      relax: offer.relax.join(","),
      variant: offer.variant,
      latencyMs: offer.latencyMs,
      costUsd: offer.costUsd,
      ...(offer.accuracy === null ? {} : { accuracy: offer.accuracy }),
    })),
    ...(decision.kind === "saturated" ? { retryAfterMs: decision.retryAfterMs } : {}),
    ...(explanation === null ? {} : { explanation: bounded(explanation) }),
  });
}

function codeOfRefusal(decision: Refusing, { deadlineBinds }: RefusedQuestion): Code {
  if (decision.kind === "unknown") return Code.NOT_FOUND;
  if (decision.kind === "infeasible") {
    if (decision.reason === "latency-above-slo" && deadlineBinds) return Code.DEADLINE_EXCEEDED;
    return decision.reason === "batch-too-large" ? Code.INVALID_ARGUMENT : Code.FAILED_PRECONDITION;
  }
  return decision.reason === "no-executor" ? Code.UNAVAILABLE : Code.RESOURCE_EXHAUSTED;
}

function sentence(decision: Refusing, question: RefusedQuestion): string {
  const { name } = question.model;
  if (decision.kind === "unknown") return `'${decision.name}' has no variants; register a model for it first`;
  if (decision.kind === "saturated") {
    const { budget } = question;
    const bound = budget == null ? "" : `; ${budget.because}${acceptedSentence(budget.offers)}`;
    return `${saturatedSentence(decision, name)}${bound}; try again in ${Math.ceil(decision.retryAfterMs)} ms`;
  }
  const wanted = infeasibleSentence(decision, question);
  const accepted = acceptedSentence(decision.offers);
  const unprofiled = question.model.unprofiledReason == null ? "" : UNPROFILED;
  return `no variant of '${name}' can do this, even idle: ${wanted}${accepted}${unprofiled}`;
}

const UNPROFILED =
  "; nothing was measured of it yet, figures are stated defaults and none can be promised: ask without requirements";

/** The refusal for what an executor said; its code and sentence are passed on. */
export function refusedByExecutor(
  frame: Pick<RefusalFrame, "code" | "message" | "retryAfterMs">,
): ServiceError {
  const code = codeFrom(frame.code);
  const details = frame.retryAfterMs > 0 ? [retryInfo(frame.retryAfterMs)] : [];
  return new ServiceError(code, frame.message, { details });
}

/**
 * The refusal of a query that was lost, or turned away, before (`loss`; null: it was not) and that nobody else takes: it is
 * told as lost only where others are not there at all. Where they are full, or its time is up, it is told so.
 */
export function refusedElsewhere(loss: ServiceError | null, refusal: ServiceError): ServiceError {
  if (loss === null) return refusal;
  const { code, message, details } = refusal;
  if (code !== Code.RESOURCE_EXHAUSTED && code !== Code.DEADLINE_EXCEEDED) return loss;
  return new ServiceError(code, `${loss.message}; ${message}`, { details, cause: loss });
}

/** The refusal for a name all of whose variants an operator unloaded. */
export function unloadedRefusal(name: string): ServiceError {
  const sentence = `Request for unknown model: '${name}' has no available versions; it was unloaded, RepositoryModelLoad brings it back`;
  return new ServiceError(Code.UNAVAILABLE, sentence);
}

/** The refusal for a query whose tenant has more waiting than its share of the instance answers in time. */
export function unfairRefusal(
  { reason, waiting, waitMs }: FairRefusal,
  { tenant, model }: { readonly tenant: string; readonly model: Pick<CatalogModel, "name"> },
): ServiceError {
  const bound =
    reason === "line-full" ? `at most ${TENANT_WAITING_MAX} may wait` : `this one would be answered too late`;
  const message = `${waiting} queries of '${tenant}' wait for its share of '${model.name}', ${bound}; try again in ${Math.ceil(waitMs)} ms`;
  return new ServiceError(Code.RESOURCE_EXHAUSTED, message, { details: [retryInfo(waitMs)] });
}

/** The refusal for a query beyond what its tenant may have. */
export function overBoundsRefusal(tenant: string, over: OverBounds): ServiceError {
  const { bound, value, limit, retryAfterMs } = over;
  const come = retryAfterMs === null ? "" : `; try again in ${Math.ceil(retryAfterMs)} ms`;
  const details = retryAfterMs === null ? [] : [retryInfo(retryAfterMs)];
  const message = `${overSentence[bound](round(value), round(limit))} for '${tenant}'${come}`;
  return new ServiceError(Code.RESOURCE_EXHAUSTED, message, { details });
}

const overSentence = {
  inFlightMax: (value: string, limit: string) => `${value} queries in flight, at most ${limit} are allowed`,
  queuedBytesMax: (value: string, limit: string) =>
    `${value} request bytes held, at most ${limit} are allowed`,
  queriesPerSecond: (_value: string, limit: string) =>
    `queries come faster than the ${limit} per second allowed`,
};

/** The refusal for a query whose time is up. */
export function lateRefusal(waitedMs: number, latencyMs: number | null): ServiceError {
  const limit =
    latencyMs === null ? "the longest a query may take" : `the objective of ${round(latencyMs)} ms`;
  return new ServiceError(
    Code.DEADLINE_EXCEEDED,
    `not answered after ${round(waitedMs)} ms, beyond ${limit}`,
  );
}

function infeasibleSentence(
  { reason, value, limit }: Infeasible,
  { rows, deadlineBinds }: RefusedQuestion,
): string {
  const nearest = value === null ? "none" : round(value);
  const asked = limit === null ? "any" : round(limit);
  switch (reason) {
    case "accuracy-below-floor":
      return `accuracy of at least ${asked} was asked for, the most accurate has ${nearest}`;
    case "latency-above-slo":
      return `${deadlineBinds ? `the deadline leaves ${asked} ms` : `${asked} ms was asked for`}, the fastest that is accurate enough takes ${nearest} ms`;
    case "cost-above-max":
      return `at most ${asked} USD per 1,000 queries was asked for, the cheapest that meets the rest costs ${nearest}`;
    case "batch-too-large":
      return `${rows} rows came in one request, at most ${value} are taken`;
    case "no-executor":
      return "no executor has the hardware for it";
    default:
      return `${reason}: nearest ${nearest}, asked ${asked}`;
  }
}

function saturatedSentence({ reason, startLoad }: Saturated, name: string): string {
  switch (reason) {
    case "busy":
      return `every instance that could answer '${name}' in time is full`;
    case "loading":
      return `'${name}' is not loaded and loading ${startLoad?.variant.name ?? "it"} takes longer than the objective; the load has begun`;
    case "no-room":
      return `no executor has memory free to load '${name}'`;
    case "no-executor":
      return `no executor takes work that could answer '${name}'`;
  }
}

function acceptedSentence(offers: readonly Offer[]): string {
  return offers.length === 0 ? "" : `; accepted would be: ${offers.map(offerSentence).join("; ")}`;
}

function offerSentence({ relax, variant, latencyMs, accuracy, costUsd }: Offer): string {
  const quality = accuracy === null ? "" : `, accuracy ${round(accuracy)}`;
  return `with other ${relax.join(" and ")}: ${variant} in ${round(latencyMs)} ms${quality} at ${round(costUsd)} USD per 1,000`;
}

function bounded(explanation: Explanation): Explanation {
  const { candidates, omitted } = explanation;
  const kept = candidates.slice(0, CANDIDATES_MAX);
  return { ...explanation, candidates: kept, omitted: omitted + candidates.length - kept.length };
}

function round(value: number): string {
  return String(Number(value.toPrecision(4)));
}
