import { parseArgs } from "node:util";
import { Code, ServiceError } from "@infaas/runtime";
import type { JsonSchema } from "../terminal/json-schema";
import type { Screen } from "../terminal/screen";
import { type Column, tableLines, textLines } from "../terminal/table";
import type { Terminal } from "../terminal/terminal";
import { didYouMean } from "./nearest";
import { type NumberForm, numberOf } from "./number-option";

/**
 * One option of a verb: `--name VALUE`, once or (`strings`) any number of times, or a bare `--name` for a
 * boolean.
 */
export interface VerbOption extends NumberForm {
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
  /** Most positional arguments. Default: 1 where `usage` shows any. */
  readonly argumentsMax?: number;
  readonly summary: string;
  readonly options: Readonly<Record<string, VerbOption>>;
  /** What it prints with `--json` when it succeeds; absent: it prints none. */
  readonly outcome?: JsonSchema;
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

/** Reads a verb's words; throws INVALID_ARGUMENT naming the option, what was given and what is taken. */
export function parseVerb(verb: Verb, words: readonly string[]): Arguments {
  const table = { ...commonOptions, ...verb.options };
  const { values, positionals } = parse(verb, words, table);
  const given = (name: string, type: VerbOption["type"]) => {
    const option = table[name];
    if (option?.type !== type)
      throw new ServiceError(Code.INTERNAL, `--${name} is not a ${type} option of ${verb.name}`);
    return values[name] ?? option.default;
  };
  const number = (name: string) => {
    const value = given(name, "number");
    return value === undefined ? undefined : numberOf(name, value as string | number, table[name] ?? {});
  };
  for (const [name, o] of Object.entries(table)) if (o.type === "number") number(name);
  return {
    positionals,
    text: (name) => given(name, "string") as string | undefined,
    texts: (name) => (given(name, "strings") ?? []) as readonly string[],
    number,
    flag: (name) => given(name, "boolean") === true,
  };
}

function parse(verb: Verb, words: readonly string[], table: Readonly<Record<string, VerbOption>>) {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, o]) => [
      name,
      {
        type: o.type === "boolean" ? "boolean" : "string",
        multiple: o.type === "strings",
        ...(name === "help" ? { short: "h" } : {}),
      } as const,
    ]),
  );
  // Not strict: what is wrong is said in our own words, below.
  const read = parseArgs({ args: [...words], options, allowPositionals: true, strict: false, tokens: true });
  const seen = new Set<string>();
  for (const token of read.tokens) {
    if (token.kind !== "option") continue;
    const fault = optionFault(token, table, seen);
    if (fault === null) continue;
    const help = `'infaas ${verb.name} --help' lists what it takes`;
    throw new ServiceError(Code.INVALID_ARGUMENT, `${verb.name}: ${fault}; ${help}`);
  }
  const fault = positionalsFault(verb, read.positionals);
  if (fault !== null) throw new ServiceError(Code.INVALID_ARGUMENT, `${verb.name} ${fault}`);
  return read;
}

interface OptionToken {
  readonly name: string;
  /** As it was written. */
  readonly rawName: string;
  readonly value?: string | undefined;
  /** Whether the value was written behind `=`. */
  readonly inlineValue?: boolean | undefined;
}

/** Why an option is not taken as it stands; null: it is. `seen` holds the names of those before it. */
function optionFault(
  { name, rawName, value, inlineValue = false }: OptionToken,
  table: Readonly<Record<string, VerbOption>>,
  seen: Set<string>,
): string | null {
  const option = Object.hasOwn(table, name) ? table[name] : undefined;
  if (option === undefined) {
    const names = Object.keys(table).map((each) => `--${each}`);
    return `there is no option '${rawName}'${didYouMean(rawName, names)}`;
  }
  if (option.type === "boolean")
    return inlineValue ? `${rawName} takes no value, leave out '=${value}'` : null;
  const isOption = !inlineValue && value !== undefined && /^--?[a-z]/i.test(value);
  if (value === undefined || isOption) {
    const next = isOption ? `, '${value}' follows it; write ${rawName}=${value} if that is meant` : "";
    return `${rawName} needs a value${next}`;
  }
  if (option.type !== "strings" && seen.has(name)) return `${rawName} is given twice, it takes one value`;
  seen.add(name);
  return null;
}

/** Why there are more arguments than a verb takes; null: there are not. */
function positionalsFault(verb: Verb, given: readonly string[]): string | null {
  const { usage, argumentsMax: most = usage === "" ? 0 : 1 } = verb;
  if (given.length <= most) return null;
  const names = given.map((word) => `'${word}'`).join(", ");
  const taken =
    most === 0
      ? "takes no argument"
      : `takes ${most === 1 ? "one argument" : `${most} arguments`} (${usage})`;
  return `${taken}, given: ${names}; a value with spaces needs quotes`;
}

/** Characters that options, and verbs with their arguments, have at the least before what they mean. */
const OPTION_WIDTH = 29;
const VERB_WIDTH = 34;
const helpColumns: readonly Column[] = [{ head: "" }, { head: "", prose: true }];

/** Help of one verb, made from its table. */
export function verbHelp(verb: Verb, screen: Screen): readonly string[] {
  const rows = Object.entries({ ...verb.options, ...commonOptions }).map(([name, o]) => {
    const value = { boolean: "", string: " STRING", strings: " STRING...", number: " NUMBER" }[o.type];
    const meaning = o.default === undefined ? o.doc : `${o.doc} [${o.default}]`;
    return [`  --${name}${value}`.padEnd(OPTION_WIDTH), meaning];
  });
  return [
    `infaas ${verb.name} ${verb.usage}`.trimEnd(),
    ...textLines(verb.summary, screen.width),
    "",
    ...tableLines(helpColumns, rows, screen),
  ];
}

/** Help of the whole program. */
export function programHelp(verbs: readonly Verb[], screen: Screen): readonly string[] {
  const rows = verbs.map((verb) => [`  ${verb.name} ${verb.usage}`.padEnd(VERB_WIDTH), verb.summary]);
  return [
    "infaas VERB [options]",
    "",
    ...tableLines(helpColumns, rows, screen),
    "",
    "'infaas VERB --help' lists a verb's options.",
  ];
}
