import { parseArgs } from "node:util";

/** The part of a benchmark that is run; empty or null: all of it, with its own seed. */
export interface BenchScope {
  readonly models: readonly string[];
  /** Offered loads, in multiples of saturation. */
  readonly loads: readonly number[];
  readonly rounds: number | null;
  readonly seed: number | null;
}

const options = {
  model: { type: "string", multiple: true },
  load: { type: "string", multiple: true },
  rounds: { type: "string" },
  seed: { type: "string" },
} as const;

/** Reads `NAME... [--model NAME]... [--load SATURATIONS]... [--rounds COUNT] [--seed NUMBER]`; throws for anything else. */
export function readArguments(args: readonly string[]): {
  readonly names: readonly string[];
  readonly scope: BenchScope;
} {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const rounds = values.rounds === undefined ? null : positive("rounds", values.rounds);
  const seed = values.seed === undefined ? null : positive("seed", values.seed);
  const loads = (values.load ?? []).map((load) => positive("load", load));
  return { names: positionals, scope: { models: values.model ?? [], loads, rounds, seed } };
}

/** Returns the subjects in scope; throws for a name that is none of them. */
export function inScope<T extends { readonly name: string }>(
  subjects: readonly T[],
  { models }: BenchScope,
): readonly T[] {
  const unknown = models.find((model) => !subjects.some(({ name }) => name === model));
  if (unknown !== undefined)
    throw new Error(`no model '${unknown}'; there are ${subjects.map(({ name }) => name).join(", ")}`);
  return models.length === 0 ? subjects : subjects.filter(({ name }) => models.includes(name));
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} is '${text}', allowed are numbers above 0`);
  return value;
}
