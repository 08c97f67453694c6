import { parseArgs } from "node:util";
import { ReferenceEngine } from "../reference";
import { checkAll } from "./check-all";
import { markdownTable, outcomeLine, summary } from "./model-report";
import { modelPackages, packageModels } from "./package-models";

/** `npm run third-party-models -- [--only PACKAGE] [--table]`: see docs/foreign-models.md. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: "string", default: "" }, table: { type: "boolean", default: false } },
  });
  const chosen = modelPackages.filter((one) => one.package.includes(values.only));
  const engine = await ReferenceEngine.open();
  const outcomes = await checkAll(await packageModels(chosen), engine, ({ name }, outcome) =>
    process.stderr.write(`${outcomeLine(name, outcome)}\n`),
  );
  engine.close();
  process.stdout.write(`${summary(outcomes)}${values.table ? `\n${markdownTable(outcomes)}` : ""}`);
  if ([...outcomes.values()].some(({ kind }) => kind !== "right")) process.exitCode = 1;
}

void main();
