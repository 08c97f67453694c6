import { join } from "node:path";
import { type OptionTable, readConfig, type SecurityConfig, securityFaults } from "@infaas/runtime";
import { root } from "../cluster";

/** A command line that a manifest has a process started with. */
export interface CommandLine {
  /** File and part of it. */
  readonly where: string;
  /** Program first: `infaas` or one of its services. */
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

type Config = Readonly<Record<string, unknown>> & SecurityConfig & { readonly listen: string };

/** Compiled module of a workspace that e2e does not import otherwise. */
const compiled = (path: string) => require(join(root, path));

const tables: Readonly<Record<string, OptionTable>> = {
  "infaas-metadata": compiled("services/metadata/dist/config.js").options,
  "infaas-frontend": compiled("services/frontend/dist/config.js").frontendOptions,
  "infaas-executor": compiled("services/executor/dist/config.js").executorOptions,
};

/** What the command line itself reads of its environment. */
const ownVariables = ["ADDRESS", "TOKEN", "TLS_CA", "TLS_CERT", "TLS_KEY", "TOKEN_FILE"];

const knownVariables = new Set([
  ...ownVariables.map((name) => `INFAAS_${name}`),
  ...Object.values(tables).flatMap((table) => Object.keys(table).map(variableOf)),
]);

function variableOf(option: string): string {
  return `INFAAS_${option.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Why a command line would not start: what its program's own reader of options says. Empty: it would. */
export function faultsOf({ words, env }: CommandLine): readonly string[] {
  const [program = "", ...rest] = words;
  const unknown = Object.keys(env).filter((name) => name.startsWith("INFAAS_") && !knownVariables.has(name));
  const faults = unknown.map((name) => `${name} is no option of any role`);
  if (program === "infaas") return [...faults, ...verbFaults(rest)];
  const table = tables[program];
  if (table === undefined) return [...faults, `'${program}' is no program`];
  const read = readConfig(table, rest.map(filledIn), env);
  if (!read.ok) return [...faults, ...read.faults];
  const config = read.config as unknown as Config;
  const http = config.httpListen;
  const listens = [config.listen, ...(typeof http === "string" && http !== "none" ? [http] : [])];
  return [...faults, ...securityFaults({ ...config, tokens: config.tokens ?? null }, listens)];
}

/** Names that Kubernetes and systemd fill in. */
function filledIn(word: string): string {
  return word.replace(/\$\(POD_IP\)|%H/g, "10.0.0.1").replace("$(POD_NAME)", "pod-1");
}

function verbFaults([name, ...words]: readonly string[]): readonly string[] {
  const { parseVerb } = compiled("cli/dist/command/verb.js");
  const verb = compiled("cli/dist/verbs/index.js").verbs.find((each: { name: string }) => each.name === name);
  if (verb === undefined) return [`'${name}' is no verb`];
  try {
    parseVerb(verb, words);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}
