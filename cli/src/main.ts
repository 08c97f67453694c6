import { refusalOf } from "@infaas/client";
import { codeName, ServiceError } from "@infaas/runtime";
import { printRefusal } from "./refusal";
import { createTerminal } from "./terminal";
import { parseVerb, programHelp, verbHelp } from "./verb";
import { verbs } from "./verbs";

async function main(words: readonly string[]): Promise<number> {
  const verb = verbs.find((candidate) => candidate.name === words[0]);
  if (verb === undefined) {
    const asked = words[0] === undefined || words[0] === "help" || words[0] === "--help";
    process[asked ? "stdout" : "stderr"].write(
      `${asked ? "" : `unknown verb '${words[0]}'\n\n`}${programHelp(verbs)}`,
    );
    return asked ? 0 : 2;
  }
  const terminal = createTerminal(words.includes("--json"));
  try {
    const args = parseVerb(verb, words.slice(1));
    if (args.flag("help")) terminal.print(verbHelp(verb));
    else await verb.run(args, terminal);
    return 0;
  } catch (error) {
    const failure = ServiceError.from(error);
    const refusal = refusalOf(failure);
    terminal.note(`${codeName(failure.code)}: ${failure.message}`);
    if (refusal !== undefined) printRefusal(refusal, terminal);
    return 1;
  }
}

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
