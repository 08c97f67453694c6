import { Code, ServiceError } from "@infaas/runtime";
import { didYouMean } from "../command/nearest";
import { outcomesSchema } from "../command/outcomes";
import type { Verb } from "../command/verb";

/** `infaas schema`: prints the JSON Schema of what verbs print with `--json`. */
export function schemaOf(verbs: () => readonly Verb[]): Verb {
  return {
    name: "schema",
    usage: "[VERB]",
    summary: "the JSON Schema of what a verb prints with --json, or of all",
    options: {},
    async run(args, terminal) {
      const [name] = args.positionals;
      const told = verbs().filter(({ outcome }) => outcome !== undefined);
      const chosen = name === undefined ? told : told.filter((verb) => verb.name === name);
      if (chosen.length === 0) {
        const names = told.map((verb) => verb.name);
        const sentence = `'${name}' prints no JSON${didYouMean(name ?? "", names)}; there are ${names.join(", ")}`;
        throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
      }
      terminal.print(JSON.stringify(outcomesSchema(chosen), null, 2));
    },
  };
}
