/**
 * One option of a process, as data: its type, its default, its bounds, and a sentence for whoever sets it.
 */
export type Option = { doc: string } & (
  | { type: "string"; default: string | null; choices?: readonly string[] }
  | { type: "number"; default: number | null; min: number; max: number; unit?: string }
  | { type: "boolean"; default: boolean }
  | { type: "list"; default: readonly string[] }
);

/** Every option of a process by its camelCase name. */
export type OptionTable = Record<string, Option>;

type ValueOf<O extends Option> = O extends { type: "number"; default: infer D }
  ? number | (null extends D ? null : never)
  : O extends { type: "boolean" }
    ? boolean
    : O extends { type: "list" }
      ? readonly string[]
      : O extends { type: "string"; choices: readonly (infer C)[]; default: infer D }
        ? C | (null extends D ? null : never)
        : O extends { default: infer D }
          ? string | (null extends D ? null : never)
          : never;

/**
 * The values that a table describes. Declare the table `as const satisfies OptionTable` to keep choices as
 * unions.
 */
export type ConfigOf<T extends OptionTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

/** All values, or all faults, of a configuration. */
export type ConfigResult<T extends OptionTable> =
  | { ok: true; config: ConfigOf<T> }
  | { ok: false; faults: readonly string[] };

type Parsed = { value: string | number | boolean | readonly string[] } | { fault: string };

/**
 * Returns the configuration from flags (`--max-batch 8`, `--max-batch=8`, `--drain`, `--no-drain`), then
 * environment (`INFAAS_MAX_BATCH`), then defaults; a flag wins over the environment. A list is separated by
 * commas.
 */
export function readConfig<const T extends OptionTable>(
  table: T,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ConfigResult<T> {
  const { given, faults } = readFlags(table, argv);
  const config: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(table)) {
    const variable = envName(name);
    const flag = given.get(name);
    const text = flag ?? env[variable];
    if (text === undefined) {
      config[name] = option.default;
      continue;
    }
    const parsed = parseValue(option, text);
    if ("fault" in parsed) faults.push(`${flag === undefined ? variable : flagName(name)} ${parsed.fault}`);
    else config[name] = parsed.value;
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, config: config as ConfigOf<T> };
}

/** Returns one paragraph per option: flag, environment variable, bounds, default, meaning. */
export function describeOptions(table: OptionTable): string {
  return Object.entries(table)
    .map(([name, option]) => `  ${flagName(name)} (${envName(name)})${bounds(option)}\n      ${option.doc}`)
    .join("\n");
}

function readFlags(table: OptionTable, argv: readonly string[]) {
  const byFlag = new Map(Object.keys(table).map((name) => [flagName(name), name]));
  const given = new Map<string, string>();
  const faults: string[] = [];
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? "";
    const equals = word.indexOf("=");
    const flag = equals < 0 ? word : word.slice(0, equals);
    const positive = byFlag.get(flag);
    const negative = flag.startsWith("--no-") ? byFlag.get(`--${flag.slice(5)}`) : undefined;
    const option = positive === undefined ? undefined : table[positive];
    if (positive !== undefined && option !== undefined) {
      if (equals >= 0) given.set(positive, word.slice(equals + 1));
      else if (option.type === "boolean") given.set(positive, "true");
      else if (argv[i + 1] === undefined) faults.push(`${flag} needs a value`);
      else {
        i += 1;
        given.set(positive, argv[i] ?? "");
      }
    } else if (negative !== undefined && table[negative]?.type === "boolean" && equals < 0) {
      given.set(negative, "false");
    } else {
      faults.push(`${flag} is not an option`);
    }
  }
  return { given, faults };
}

function parseValue(option: Option, text: string): Parsed {
  switch (option.type) {
    case "string":
      if (option.choices === undefined || option.choices.includes(text)) return { value: text };
      return { fault: `is '${text}'; allowed: ${option.choices.join(", ")}` };
    case "number": {
      const value = Number(text);
      if (text.trim() !== "" && value >= option.min && value <= option.max) return { value };
      return { fault: `is '${text}'; allowed: ${option.min} to ${option.max}${unitOf(option)}` };
    }
    case "boolean":
      if (text === "true" || text === "1") return { value: true };
      if (text === "false" || text === "0") return { value: false };
      return { fault: `is '${text}'; allowed: true, false` };
    case "list":
      return {
        value: text
          .split(",")
          .map((part) => part.trim())
          .filter((part) => part !== ""),
      };
  }
}

function bounds(option: Option): string {
  const fallback = option.default === null ? "none" : String(option.default) || "empty";
  switch (option.type) {
    case "number":
      return `, ${option.min} to ${option.max}${unitOf(option)}, default ${fallback}`;
    case "string":
      return `${option.choices === undefined ? "" : `, one of ${option.choices.join(", ")}`}, default ${fallback}`;
    default:
      return `, default ${fallback}`;
  }
}

function unitOf(option: { unit?: string }): string {
  return option.unit === undefined ? "" : ` ${option.unit}`;
}

function words(name: string): string[] {
  return name.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
}

function flagName(name: string): string {
  return `--${words(name).join("-")}`;
}

function envName(name: string): string {
  return `INFAAS_${words(name).join("_").toUpperCase()}`;
}
