import { readFileSync } from "node:fs";
import { join } from "node:path";
import { refusalOf } from "@infaas/client";
import { Code, codeName, ServiceError } from "@infaas/runtime";
import { exitStatusOf, failureOf } from "./command/failure";
import { didYouMean } from "./command/nearest";
import { parseVerb, programHelp, type Verb, verbHelp } from "./command/verb";
import { refusalLines } from "./report/refusal";
import { paint } from "./terminal/screen";
import type { Terminal } from "./terminal/terminal";
import { verbs } from "./verbs";

/** Runs one command line, without the program's name; resolves with its exit status (docs/operations.md). */
export async function runCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await run(words, terminal);
    return 0;
  } catch (error) {
    const failure = failureOf(error);
    const [code, status] = [codeName(failure.code), exitStatusOf(failure.code)];
    const refusal = refusalOf(failure);
    terminal.note(`${paint(terminal.noteScreen, "bad", code)}: ${failure.message}`);
    terminal.result({ error: { code, message: failure.message, status }, refusal }, (screen) =>
      refusal === undefined ? [] : refusalLines(refusal, screen),
    );
    return status;
  }
}

async function run([first, ...rest]: readonly string[], terminal: Terminal): Promise<void> {
  if (first === "--version") return terminal.print(version());
  if (first === undefined || first === "--help" || first === "-h") return printProgramHelp(terminal);
  if (first === "help") {
    const [asked] = rest;
    return asked === undefined ? printProgramHelp(terminal) : printHelp(verbCalled(asked), terminal);
  }
  const verb = verbCalled(first);
  const args = parseVerb(verb, rest);
  if (args.flag("help")) printHelp(verb, terminal);
  else await verb.run(args, terminal);
}

function verbCalled(word: string): Verb {
  const verb = verbs.find(({ name }) => name === word);
  if (verb !== undefined) return verb;
  const names = verbs.map(({ name }) => name);
  const sentence = word.startsWith("-")
    ? `'${word}' stands where a verb is needed: options follow the verb, 'infaas VERB ${word}'`
    : `'${word}' is no verb${didYouMean(word, names)}; there are ${names.join(", ")}`;
  throw new ServiceError(Code.INVALID_ARGUMENT, `${sentence}; 'infaas help' says what they do`);
}

function printHelp(verb: Verb, terminal: Terminal): void {
  for (const line of verbHelp(verb, terminal.screen)) terminal.print(line);
}

function printProgramHelp(terminal: Terminal): void {
  for (const line of programHelp(verbs, terminal.screen)) terminal.print(line);
}

function version(): string {
  const { version } = JSON.parse(readFileSync(join(__dirname, "..", "package.json"), "utf8"));
  return `infaas ${version}`;
}
