import { parseArgs } from "node:util";
import { Code, ServiceError } from "@infaas/runtime";
import type { Terminal } from "./terminal";

/**
 * One option of a verb: `--name VALUE`, once or (`strings`) any number of times, or a bare `--name` for a
 * boolean.
 */
export interface VerbOption {
  readonly type: "string" | "strings" | "number" | "boolean";
  /** Sentence for the help; says the unit. */
  readonly doc: string;
  /** Shown in the help; absent = no default. */
  readonly default?: string | number | boolean;
}

/** Parsed options of one invocation. Reading an option that the verb does not declare throws. */
export interface Arguments {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  /** Every value given, in order. */
  texts(name: string): readonly string[];
  number(name: string): number | undefined;
  flag(name: string): boolean;
}

/** A subcommand of `infaas`; its help is printed from this table. */
export interface Verb {
  readonly name: string;
  /** Positional arguments, as shown in the help: `TARGET`, `[TASK]`. */
  readonly usage: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, VerbOption>>;
  run(args: Arguments, terminal: Terminal): Promise<void>;
}

/** Options that every verb takes. */
export const commonOptions: Readonly<Record<string, VerbOption>> = {
  address: {
    type: "string",
    doc: "Frontend to talk to, host:port; else env INFAAS_ADDRESS, else 127.0.0.1:8001.",
  },
  "tls-ca": {
    type: "string",
    doc: "PEM file of the authorities that vouch for the frontend; with it TLS is spoken.",
  },
  "tls-cert": { type: "string", doc: "PEM file of the own certificate, where the frontend asks for one." },
  "tls-key": { type: "string", doc: "PEM file of its key." },
  "tls-server-name": {
    type: "string",
    doc: "Name in the frontend's certificate, where it is not the host called.",
  },
  "token-file": { type: "string", doc: "File with the token to present; else env INFAAS_TOKEN." },
  json: { type: "boolean", doc: "Print JSON instead of tables." },
  help: { type: "boolean", doc: "Print this verb's help." },
};

/** Reads a verb's words; throws INVALID_ARGUMENT naming the option and what was given. */
export function parseVerb(verb: Verb, words: readonly string[]): Arguments {
  const table = { ...commonOptions, ...verb.options };
  const options = Object.fromEntries(
    Object.entries(table).map(([name, o]) => [
      name,
      { type: o.type === "boolean" ? "boolean" : "string", multiple: o.type === "strings" } as const,
    ]),
  );
  const { values, positionals } = parse(verb, words, options);
  const given = (name: string, type: VerbOption["type"]) => {
    const option = table[name];
    if (option?.type !== type)
      throw new ServiceError(Code.INTERNAL, `--${name} is not a ${type} option of ${verb.name}`);
    return values[name] ?? option.default;
  };
  for (const [name, o] of Object.entries(table))
    if (o.type === "number") toNumber(name, given(name, "number"));
  return {
    positionals,
    text: (name) => given(name, "string") as string | undefined,
    texts: (name) => (given(name, "strings") ?? []) as readonly string[],
    number: (name) => toNumber(name, given(name, "number")),
    flag: (name) => given(name, "boolean") === true,
  };
}

function parse(
  verb: Verb,
  words: readonly string[],
  options: Record<string, { type: "boolean" | "string"; multiple: boolean }>,
) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (cause) {
    const message = `${verb.name}: ${(cause as Error).message}`;
    throw new ServiceError(Code.INVALID_ARGUMENT, message, { cause });
  }
}

function toNumber(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value === "" || !Number.isFinite(number)) {
    throw new ServiceError(Code.INVALID_ARGUMENT, `--${name} takes a number, '${String(value)}' was given`);
  }
  return number;
}

/** Help of one verb, printed from its table. */
export function verbHelp(verb: Verb): string {
  const rows = Object.entries({ ...verb.options, ...commonOptions }).map(([name, o]) => {
    const left = `  --${name}${o.type === "boolean" ? "" : ` ${o.type === "strings" ? "STRING..." : o.type.toUpperCase()}`}`;
    return `${left.padEnd(31)}${o.doc}${o.default === undefined ? "" : ` [${o.default}]`}`;
  });
  return `infaas ${verb.name} ${verb.usage}\n${verb.summary}\n\n${rows.join("\n")}\n`;
}

/** Help of the whole program. */
export function programHelp(verbs: readonly Verb[]): string {
  const rows = verbs.map((verb) => `  ${`${verb.name} ${verb.usage}`.padEnd(34)}${verb.summary}`);
  return `infaas VERB [options]\n\n${rows.join("\n")}\n\n'infaas VERB --help' lists a verb's options.\n`;
}
