import { type QuantityUnit, quantityOf } from "@infaas/api";
import type { Objective, Slo } from "@infaas/policy";

/** What a query demands, however it was said (parameters, request metadata, a typed Slo). */
export interface Requirements {
  readonly slo: Slo;
  /** Return the structured explanation with the answer. */
  readonly explain: boolean;
  /** The protocol's: 0 default, 1 highest, larger is lower. */
  readonly priority: number;
  /** Longest wait in the executor's queue in ms; null = as long as the budget allows. */
  readonly queueTimeoutMs: number | null;
  /** The latency objective is the deadline of the transport: none was stated, or a longer one. */
  readonly deadlineBinds: boolean;
}

/** The requirements, or one sentence naming the parameter, what came and what is allowed. */
export type RequirementsRead =
  | { readonly ok: true; readonly requirements: Requirements }
  | { readonly ok: false; readonly fault: string };

/** A parameter as it came: typed in `ModelInferRequest.parameters`, text in request metadata. */
export type RawValue = string | number | bigint | boolean;

/** The places a requirement may be said in; parameters win over metadata, metadata wins over the name. */
export interface RequirementSources {
  readonly parameters: ReadonlyMap<string, RawValue>;
  /** Value of a request-metadata name (with dashes), or undefined. */
  readonly metadata: (name: string) => string | undefined;
  /** Names of all request metadata, in lower case. */
  readonly metadataNames: () => readonly string[];
  /** What the name of the model says behind the model's own; see `splitName`. */
  readonly named: ReadonlyMap<string, RawValue>;
  /** Milliseconds left of the gRPC deadline; null without one. */
  readonly deadlineMs: number | null;
}

/** Longest objective or timeout that means anything: a day. */
const DURATION_MAX_MS = 86_400_000;
const COST_MAX_USD = 1_000_000;
const OBJECTIVES: readonly Objective[] = ["min-cost", "max-accuracy", "min-latency"];

/** No requirement at all. */
export const NO_SLO: Slo = {
  latencyMs: null,
  minAccuracy: null,
  maxCostUsd: null,
  objective: "min-cost",
  noDowngrade: false,
  deterministic: false,
};

const SLO_NAMES = ["slo_latency_ms", "slo_min_accuracy", "slo_max_cost"] as const;
/** What only a requirement is called, well spelt or not. */
const SLO_LIKE = /^slo[-_]/i;
const FINAL_RESPONSE = "triton_enable_empty_final_response";
/** Types of what the protocol defines and nothing here reads: sequences mean nothing to models without state. */
const PROTOCOL_TYPES: ReadonlyMap<string, readonly string[]> = new Map([
  ["sequence_id", ["number", "bigint", "string"]],
  ["sequence_start", ["boolean"]],
  ["sequence_end", ["boolean"]],
  [FINAL_RESPONSE, ["boolean"]],
]);
const NO_REQUIREMENTS: RequirementsRead = {
  ok: true,
  requirements: { slo: NO_SLO, explain: false, priority: 0, queueTimeoutMs: null, deadlineBinds: false },
};

/**
 * Reads the requirements of one query. The gRPC deadline becomes the latency objective when it is shorter or the only one.
 * Source: the parameter table of the wire contract (docs/architecture.md).
 */
export function readRequirements(sources: RequirementSources): RequirementsRead {
  const reader = new Reader(sources);
  const latencyMs = reader.number("slo_latency_ms", { above: 0, max: DURATION_MAX_MS, unit: "ms" });
  const minAccuracy = reader.number("slo_min_accuracy", { min: 0, max: 1, unit: "share" });
  const maxCostUsd = reader.number("slo_max_cost", { above: 0, max: COST_MAX_USD });
  const objective = reader.choice("objective", OBJECTIVES) ?? "min-cost";
  const noDowngrade = reader.boolean("no_downgrade") ?? false;
  const deterministic = reader.boolean("deterministic") ?? false;
  const explain = reader.boolean("explain") ?? false;
  const priority = reader.number("priority", { min: 0, max: Number.MAX_SAFE_INTEGER, whole: true }) ?? 0;
  const timeoutUs = reader.number("timeout", { min: 0, max: DURATION_MAX_MS * 1000, whole: true });
  reader.refuseUnknown();
  if (reader.fault !== null) return { ok: false, fault: reader.fault };
  if (!reader.found && sources.deadlineMs === null) return NO_REQUIREMENTS;
  const slo = {
    latencyMs: shorter(latencyMs, sources.deadlineMs),
    minAccuracy,
    maxCostUsd,
    objective,
    noDowngrade,
    deterministic,
  };
  const queueTimeoutMs = timeoutUs === null || timeoutUs === 0 ? null : timeoutUs / 1000;
  const deadlineBinds = slo.latencyMs !== null && slo.latencyMs !== latencyMs;
  return { ok: true, requirements: { slo, explain, priority, queueTimeoutMs, deadlineBinds } };
}

/** Checks a typed SLO (infaas.v1) against the same bounds; null when it is fine. */
export function sloFault(slo: Slo): string | null {
  const faults = [
    rangeFault("latency_ms", slo.latencyMs, { above: 0, max: DURATION_MAX_MS }),
    rangeFault("min_accuracy", slo.minAccuracy, { min: 0, max: 1 }),
    rangeFault("max_cost_usd", slo.maxCostUsd, { above: 0, max: COST_MAX_USD }),
  ];
  return faults.find((fault) => fault !== null) ?? null;
}

/** The shorter of two times, where null is "none". */
export function shorter(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  if (b === null) return a;
  return Math.min(a, b);
}

interface Range {
  readonly min?: number;
  /** Exclusive lower bound. */
  readonly above?: number;
  readonly max: number;
  readonly whole?: boolean;
  /** Text may have it behind its number. Default: none. */
  readonly unit?: QuantityUnit;
}

class Reader {
  fault: string | null = null;
  found = false;

  constructor(private readonly sources: RequirementSources) {}

  number(name: string, range: Range): number | null {
    const raw = this.raw(name);
    if (raw === undefined) return null;
    const value = toNumber(raw, range.unit);
    const fault =
      value === null
        ? `${name} is ${quoted(raw)}; allowed: ${describe(range)}`
        : rangeFault(name, value, range);
    if (fault !== null) this.blame(fault);
    return value;
  }

  boolean(name: string): boolean | null {
    const raw = this.raw(name);
    if (raw === undefined) return null;
    if (raw === true || raw === "true" || raw === "1") return true;
    if (raw === false || raw === "false" || raw === "0") return false;
    this.blame(`${name} is ${quoted(raw)}; allowed: true or false`);
    return null;
  }

  choice<T extends string>(name: string, allowed: readonly T[]): T | null {
    const raw = this.raw(name);
    if (raw === undefined) return null;
    const choice = allowed.find((option) => option === raw);
    if (choice === undefined) this.blame(`${name} is ${quoted(raw)}; allowed: ${allowed.join(", ")}`);
    return choice ?? null;
  }

  /** A misspelt requirement must not pass as "no requirement", nor a name that the protocol keeps as a custom one. */
  refuseUnknown(): void {
    for (const name of this.sources.metadataNames()) {
      if (SLO_LIKE.test(name) && !SLO_NAMES.some((known) => dashed(known) === name))
        this.blame(`${name} is no requirement; known: ${SLO_NAMES.map(dashed).join(", ")}`);
    }
    for (const [name, value] of this.sources.parameters) {
      if (SLO_LIKE.test(name) && !SLO_NAMES.some((known) => known === name)) {
        this.blame(`${name} is no requirement; known: ${SLO_NAMES.join(", ")}`);
      } else if (name.startsWith("triton_") && name !== FINAL_RESPONSE) {
        this.blame(
          `${name} is reserved; of the names that begin with triton_ only ${FINAL_RESPONSE} may be set`,
        );
      }
      const allowed = PROTOCOL_TYPES.get(name);
      if (allowed === undefined || allowed.includes(typeof value)) continue;
      this.blame(`${name} is ${quoted(value)}; allowed: ${allowed.join(" or ")}`);
    }
  }

  private raw(name: string): RawValue | undefined {
    const { parameters, metadata, named } = this.sources;
    const value = parameters.size === 0 ? undefined : parameters.get(name);
    const raw = value ?? metadata(dashed(name)) ?? (named.size === 0 ? undefined : named.get(name));
    if (raw !== undefined) this.found = true;
    return raw;
  }

  private blame(fault: string): void {
    this.fault ??= fault;
  }
}

const dashedNames = new Map<string, string>();

function dashed(name: string): string {
  let dashedName = dashedNames.get(name);
  if (dashedName === undefined) {
    dashedName = name.replaceAll("_", "-");
    dashedNames.set(name, dashedName);
  }
  return dashedName;
}

function toNumber(raw: RawValue, unit: QuantityUnit | undefined): number | null {
  if (typeof raw === "boolean") return null;
  if (typeof raw === "string") return quantityOf(raw, unit);
  const value = Number(raw);
  return Number.isFinite(value) ? value : null;
}

function rangeFault(name: string, value: number | null, range: Range): string | null {
  if (value === null) return null;
  const low =
    range.above !== undefined ? value > range.above : value >= (range.min ?? Number.NEGATIVE_INFINITY);
  const inRange = low && value <= range.max && (range.whole !== true || Number.isInteger(value));
  return inRange ? null : `${name} is ${value}; allowed: ${describe(range)}`;
}

function describe({ min, above, max, whole }: Range): string {
  const kind = whole === true ? "a whole number" : "a number";
  return above !== undefined
    ? `${kind} above ${above} and up to ${max}`
    : `${kind} from ${min ?? 0} to ${max}`;
}

function quoted(raw: RawValue): string {
  return typeof raw === "string" ? `'${raw}'` : String(raw);
}
