import { Code, ServiceError, type SpanRecorder } from "@infaas/runtime";

/** Which queries are traced. `left` counts down; below 0 there is no bound. */
export interface TraceRule {
  readonly on: boolean;
  /** Share of queries without a caller's decision; 0..1. */
  readonly ratio: number;
  left: number;
}

/** Settings by the protocol's names, each a list of texts. */
export type SettingValues = Readonly<Record<string, readonly string[]>>;

const LEVEL = "trace_level";
const RATE = "trace_rate";
const COUNT = "trace_count";
const SETTABLE = [LEVEL, RATE, COUNT];
/** What is shown and cannot be changed: traces leave by OTLP, as spans, when they are ready. */
const FIXED: SettingValues = { log_frequency: ["0"], trace_file: [""] };

/** A level that this frontend has no setting of its own for. */
const GLOBAL = "";

/**
 * Which queries are traced: for all, and for single names that queries ask for. What is not set by name follows what is
 * set for all, and that the options of this process.
 */
export class TraceSettings {
  private readonly overrides = new Map<string, Map<string, readonly string[]>>();
  private readonly rules = new Map<string, TraceRule>();

  constructor(private readonly recorder: Pick<SpanRecorder, "records" | "sampleRatio">) {}

  /** The settings that hold for a model; "" = for all. */
  shown(model: string): SettingValues {
    const { records, sampleRatio } = this.recorder;
    const on = records && sampleRatio > 0;
    const defaults = {
      [LEVEL]: [on ? "TIMESTAMPS" : "OFF"],
      [RATE]: [String(on ? Math.max(1, Math.round(1 / sampleRatio)) : 1000)],
      [COUNT]: ["-1"],
    };
    return { ...defaults, ...this.valuesOf(GLOBAL), ...this.valuesOf(model), ...FIXED };
  }

  /**
   * Sets what is given and clears what is given empty, all or nothing. INVALID_ARGUMENT for an unknown name or a value
   * that is none, UNIMPLEMENTED for what cannot be changed, FAILED_PRECONDITION when traces would go nowhere.
   */
  update(model: string, settings: SettingValues): void {
    for (const [name, values] of Object.entries(settings)) this.check(name, values);
    const override = this.overrides.get(model) ?? new Map<string, readonly string[]>();
    for (const [name, values] of Object.entries(settings)) {
      if (values.length === 0) override.delete(name);
      else override.set(name, values);
    }
    if (override.size === 0) this.overrides.delete(model);
    else this.overrides.set(model, override);
    this.rules.clear();
  }

  /** What decides about a query that asks for this model. */
  ruleFor(model: string): TraceRule {
    const name = this.overrides.has(model) ? model : GLOBAL;
    const known = this.rules.get(name);
    if (known !== undefined) return known;
    const rule = this.ruleOf(name);
    this.rules.set(name, rule);
    return rule;
  }

  private ruleOf(name: string): TraceRule {
    const shown = this.shown(name);
    const isRateSet = this.overrides.get(name)?.has(RATE) || this.overrides.get(GLOBAL)?.has(RATE);
    return {
      on: !(shown[LEVEL] ?? []).includes("OFF"),
      ratio: isRateSet ? 1 / Number(shown[RATE]?.[0]) : this.recorder.sampleRatio,
      left: Number(shown[COUNT]?.[0]),
    };
  }

  private valuesOf(name: string): SettingValues {
    return Object.fromEntries(this.overrides.get(name) ?? []);
  }

  private check(name: string, values: readonly string[]): void {
    if (name in FIXED) {
      if (values.length === 0 || values[0] === FIXED[name]?.[0]) return;
      const sentence = `${name} cannot be changed: traces leave by OTLP to the collector this process was started with`;
      throw new ServiceError(Code.UNIMPLEMENTED, sentence);
    }
    if (!SETTABLE.includes(name)) {
      const known = [...SETTABLE, ...Object.keys(FIXED)].join(", ");
      throw new ServiceError(Code.INVALID_ARGUMENT, `${name} is no trace setting; known: ${known}`);
    }
    if (values.length === 0) return;
    if (name === LEVEL) this.checkLevel(values);
    else checkWhole(name, values, name === RATE ? 1 : -1);
  }

  private checkLevel(levels: readonly string[]): void {
    if (levels.includes("TENSORS")) {
      throw new ServiceError(Code.UNIMPLEMENTED, "trace_level TENSORS is not served: spans carry no tensors");
    }
    const wrong = levels.find((level) => level !== "OFF" && level !== "TIMESTAMPS");
    if (wrong !== undefined) {
      throw new ServiceError(Code.INVALID_ARGUMENT, `trace_level is '${wrong}'; allowed: OFF, TIMESTAMPS`);
    }
    if (levels.includes("OFF") || this.recorder.records) return;
    const sentence = "traces would go nowhere: start the frontend with --otlp-endpoint";
    throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
  }
}

function checkWhole(name: string, values: readonly string[], least: number): void {
  const [text = ""] = values;
  const value = Number(text);
  if (values.length === 1 && text !== "" && Number.isSafeInteger(value) && value >= least) return;
  const sentence = `${name} is '${values.join(",")}'; allowed: one whole number from ${least}`;
  throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
}
