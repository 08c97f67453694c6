import { parseArgs } from "node:util";
import { seededRandom } from "@infaas/runtime";
import { ReferenceEngine } from "../reference";
import { checkAll } from "./check-all";
import { markdownTable, outcomeLine, summary } from "./model-report";
import { operatorCases, operatorFiles } from "./operator-models";
import { partOf } from "./part-of";
import { sampleOf } from "./sample-of";

/** `npm run operator-models -- [--part K/N] [--sample N] [--seed N] [--only TEXT] [--table]`: see docs/foreign-models.md. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      part: { type: "string", default: "1/1" },
      sample: { type: "string" },
      seed: { type: "string", default: "1" },
      only: { type: "string", default: "" },
      table: { type: "boolean", default: false },
    },
  });
  const all = [...(await operatorFiles()), ...(await operatorCases())].filter(({ name }) =>
    name.includes(values.only),
  );
  const seed = Number(values.seed);
  const models = sampleOf(
    partOf(all, values.part),
    values.sample === undefined ? all.length : Number(values.sample),
    seededRandom(seed),
  );
  const engine = await ReferenceEngine.open();
  const outcomes = await checkAll(models, engine, ({ name }, outcome) =>
    process.stderr.write(`${outcomeLine(name, outcome)}\n`),
  );
  engine.close();
  process.stdout.write(`${summary(outcomes)}${values.table ? `\n${markdownTable(outcomes)}` : ""}`);
  if ([...outcomes.values()].some(({ kind }) => kind === "wrong")) process.exitCode = 1;
}

void main();
