import { Code, ServiceError } from "@infaas/runtime";
import type { CatalogModel } from "../view/catalog";
import type { ClusterView } from "../view/cluster-view";
import { lookUp } from "../view/find-model";
import type { RawValue } from "./requirements";

/** A model by a name that may say requirements. */
export interface NamedModel {
  readonly model: CatalogModel;
  /** Requirements that the name says, by the names of their parameters. */
  readonly stated: ReadonlyMap<string, RawValue>;
}

const NOTHING: ReadonlyMap<string, RawValue> = new Map();
const PRESETS: ReadonlyMap<string, string> = new Map([
  ["cheap", "min-cost"],
  ["fast", "min-latency"],
  ["best", "max-accuracy"],
]);
const BOUNDS: ReadonlyMap<string, string> = new Map([
  ["accuracy", "slo_min_accuracy"],
  ["latency", "slo_latency_ms"],
  ["cost", "slo_max_cost"],
]);
/** Requirements that are said by their name alone. */
const FLAGS: ReadonlySet<string> = new Set(["deterministic"]);
const PARTS = /^(?<base>[^:@]+)(?::(?<preset>[^:@]*))?(?:@(?<bounds>[^:@]*))?$/;
const SAID = [...[...BOUNDS.keys()].map((key) => `${key}=NUMBER`), ...FLAGS].join(",");
const GRAMMAR = `NAME[:${[...PRESETS.keys()].join("|")}][@${SAID}]`;

/**
 * The model of a name that may say requirements behind the model's own name, for clients that can set nothing else:
 * `NAME[:cheap|fast|best][@accuracy=NUMBER,latency=NUMBER,cost=NUMBER,deterministic]`. A model that is called so itself goes first.
 * Refusals are those of `lookUp`, and INVALID_ARGUMENT for a known model with anything else behind its name.
 */
export function lookUpNamed(view: ClusterView, name: string, version: string): NamedModel | ServiceError {
  const isPlain = !/[:@]/.test(name) || view.catalog.find(name, "").kind !== "unknown";
  const base = isPlain ? undefined : PARTS.exec(name)?.groups?.base;
  const model = lookUp(view, base ?? name, version);
  if (model instanceof ServiceError) return model;
  if (base === undefined) return { model, stated: NOTHING };
  const stated = requirementsIn(name);
  return typeof stated === "string" ? new ServiceError(Code.INVALID_ARGUMENT, stated) : { model, stated };
}

/** As `lookUpNamed`, for those whom only the model concerns; throws the refusal. */
export function findNamed(view: ClusterView, name: string, version: string): CatalogModel {
  const found = lookUpNamed(view, name, version);
  if (found instanceof ServiceError) throw found;
  return found.model;
}

/** What a name says behind the model's own, or what is wrong with it. Values are checked as parameters are, later. */
function requirementsIn(name: string): ReadonlyMap<string, RawValue> | string {
  const { preset, bounds } = PARTS.exec(name)?.groups ?? {};
  const stated = new Map<string, RawValue>();
  const fault = (part: string) => `'${part}' in the name '${name}' is no requirement; allowed: ${GRAMMAR}`;
  if (preset !== undefined) {
    const objective = PRESETS.get(preset);
    if (objective === undefined) return fault(`:${preset}`);
    stated.set("objective", objective);
  }
  for (const bound of bounds?.split(",") ?? []) {
    if (FLAGS.has(bound) && !stated.has(bound)) {
      stated.set(bound, true);
      continue;
    }
    const { key = "", value = "" } = /^(?<key>[a-z]+)=(?<value>[^=]+)$/.exec(bound)?.groups ?? {};
    const parameter = BOUNDS.get(key);
    if (parameter === undefined || stated.has(parameter)) return fault(bound);
    stated.set(parameter, value);
  }
  return stated;
}
