import { Code, ServiceError, type SpanRecorder } from "@infaas/runtime";
import { TRACES_HELD_MAX, type TraceFile } from "./trace-file";

/** Which queries are traced. */
export interface TraceRule {
  readonly on: boolean;
  /** Share of queries without a caller's decision, by chance; 0..1. */
  readonly ratio: number;
  /** One query of so many is traced instead, where a rate was set; null: none was. */
  readonly every: number | null;
  /** Queries that the rule was applied to. */
  seen: number;
  /** Traces that may still be made; below 0 there is no bound. */
  left: number;
}

/** Settings by the protocol's names, each a list of texts. */
export type SettingValues = Readonly<Record<string, readonly string[]>>;

const LEVEL = "trace_level";
const RATE = "trace_rate";
const COUNT = "trace_count";
const SETTABLE = [LEVEL, RATE, COUNT];
const FREQUENCY = "log_frequency";
const FILE = "trace_file";

/** The name under which settings of all models are kept. */
const GLOBAL = "";

/**
 * Which queries are traced, for all models and by the name that a query asks for. A setting that a name lacks is that of
 * all models; one that those lack is the process's option.
 */
export class TraceSettings {
  private readonly overrides = new Map<string, Map<string, readonly string[]>>();
  private readonly rules = new Map<string, TraceRule>();

  constructor(
    private readonly recorder: Pick<SpanRecorder, "records" | "sampleRatio">,
    /** Where traces go besides spans; null: nowhere. */
    private readonly file: Pick<TraceFile, "path" | "frequency"> | null,
  ) {}

  /** The settings that hold for a model; "" = for all. The count is what is left of it. */
  shown(model: string): SettingValues {
    const { left } = this.ruleFor(model);
    return { ...this.valuesFor(model), [COUNT]: [String(left)] };
  }

  private valuesFor(model: string): SettingValues {
    const { records, sampleRatio } = this.recorder;
    const on = records && sampleRatio > 0;
    const defaults = {
      [LEVEL]: [on ? "TIMESTAMPS" : "OFF"],
      [RATE]: [String(on ? Math.max(1, Math.round(1 / sampleRatio)) : 1000)],
      [COUNT]: ["-1"],
    };
    const file = { [FREQUENCY]: [String(this.file?.frequency ?? 0)], [FILE]: [this.file?.path ?? ""] };
    return { ...defaults, ...this.valuesOf(GLOBAL), ...this.valuesOf(model), ...file };
  }

  /**
   * Sets what is given and clears what is given empty, all or nothing; a count begins anew where it is set or cleared, and
   * nowhere else. INVALID_ARGUMENT for an unknown name or a wrong value,
   * UNIMPLEMENTED for what cannot be changed, FAILED_PRECONDITION when traces would go nowhere.
   */
  update(model: string, settings: SettingValues): void {
    for (const [name, values] of Object.entries(settings)) this.check(model, name, values);
    const frequency = settings[FREQUENCY];
    if (frequency !== undefined && this.file !== null) this.file.frequency = Number(frequency[0] ?? 0);
    const override = this.overrides.get(model) ?? new Map<string, readonly string[]>();
    for (const [name, values] of Object.entries(settings)) {
      if (!SETTABLE.includes(name)) continue;
      if (values.length === 0) override.delete(name);
      else override.set(name, values);
    }
    if (override.size === 0) this.overrides.delete(model);
    else this.overrides.set(model, override);
    this.renewRules(model, COUNT in settings);
  }

  /** Keeps what was counted, except where the change of `model` was about the count. */
  private renewRules(model: string, isCountChanged: boolean): void {
    for (const [name, { left, seen }] of this.rules) {
      const follows = model === GLOBAL && this.overrides.get(name)?.has(COUNT) !== true;
      const fresh = this.ruleOf(name);
      const isCounted = isCountChanged && (name === model || follows);
      this.rules.set(name, { ...fresh, seen, left: isCounted ? fresh.left : left });
    }
    if (!this.overrides.has(model) && model !== GLOBAL) this.rules.delete(model);
  }

  /** Returns the rule for queries that ask for this model. */
  ruleFor(model: string): TraceRule {
    const name = this.overrides.has(model) ? model : GLOBAL;
    const known = this.rules.get(name);
    if (known !== undefined) return known;
    const rule = this.ruleOf(name);
    this.rules.set(name, rule);
    return rule;
  }

  private ruleOf(name: string): TraceRule {
    const shown = this.valuesFor(name);
    const isRateSet = this.overrides.get(name)?.has(RATE) || this.overrides.get(GLOBAL)?.has(RATE);
    return {
      on: !(shown[LEVEL] ?? []).includes("OFF"),
      ratio: this.recorder.sampleRatio,
      every: isRateSet ? Number(shown[RATE]?.[0]) : null,
      seen: 0,
      left: Number(shown[COUNT]?.[0]),
    };
  }

  private valuesOf(name: string): SettingValues {
    return Object.fromEntries(this.overrides.get(name) ?? []);
  }

  private check(model: string, name: string, values: readonly string[]): void {
    if (name === FILE) {
      if (values.length === 0 || values[0] === (this.file?.path ?? "")) return;
      const sentence = `${FILE} cannot be changed through the network; start the frontend with --trace-file`;
      throw new ServiceError(Code.UNIMPLEMENTED, sentence);
    }
    if (name === FREQUENCY) {
      this.checkFrequency(model, values);
      return;
    }
    if (!SETTABLE.includes(name)) {
      const known = [...SETTABLE, FREQUENCY, FILE].join(", ");
      throw new ServiceError(Code.INVALID_ARGUMENT, `${name} is no trace setting; known: ${known}`);
    }
    if (values.length === 0) return;
    if (name === LEVEL) this.checkLevel(values);
    else checkWhole(name, values, name === RATE ? 1 : -1);
  }

  private checkFrequency(model: string, values: readonly string[]): void {
    if (values.length === 0 || (values.length === 1 && values[0] === String(this.file?.frequency ?? 0)))
      return;
    if (this.file === null) {
      const sentence = `${FREQUENCY} is about a file of traces; start the frontend with --trace-file`;
      throw new ServiceError(Code.UNIMPLEMENTED, sentence);
    }
    if (model !== GLOBAL) {
      const sentence = `${FREQUENCY} is set for one model; allowed: for all, they share one file`;
      throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
    }
    checkWhole(FREQUENCY, values, 0, TRACES_HELD_MAX);
  }

  private checkLevel(levels: readonly string[]): void {
    if (levels.includes("TENSORS")) {
      throw new ServiceError(
        Code.UNIMPLEMENTED,
        "trace_level TENSORS is not served: traces carry no tensors",
      );
    }
    const wrong = levels.find((level) => level !== "OFF" && level !== "TIMESTAMPS");
    if (wrong !== undefined) {
      throw new ServiceError(Code.INVALID_ARGUMENT, `trace_level is '${wrong}'; allowed: OFF, TIMESTAMPS`);
    }
    if (levels.includes("OFF") || this.recorder.records) return;
    const sentence = "traces would go nowhere: start the frontend with --otlp-endpoint or --trace-file";
    throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
  }
}

function checkWhole(
  name: string,
  values: readonly string[],
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): void {
  const [text = ""] = values;
  const value = Number(text);
  if (values.length === 1 && text !== "" && Number.isSafeInteger(value) && value >= least && value <= most)
    return;
  const upTo = most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most}`;
  const sentence = `${name} is '${values.join(",")}'; allowed: one whole number from ${least}${upTo}`;
  throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
}
