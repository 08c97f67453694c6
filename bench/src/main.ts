import { benchBatching } from "./batching";
import { type BenchScope, readArguments } from "./bench-scope";
import { compareCheckouts } from "./compare";
import { benchCores } from "./cores/bench-cores";
import { benchDensity } from "./density";
import { benchEcho } from "./echo/bench-echo";
import { benchFuzz } from "./fuzz";
import { benchGoodput } from "./goodput";
import { benchLink } from "./link";
import { benchManyRows } from "./many-rows/bench-many-rows";
import { benchMutants } from "./mutants/bench-mutants";
import { benchPlanning, describePlanning } from "./planning/bench-planning";
import { benchProofs } from "./proofs";
import { benchRecheck } from "./recheck/bench-recheck";
import { benchRegistrations } from "./registrations";
import { benchSelection, describeSelection } from "./selection";
import { benchSimulate } from "./simulate/bench-simulate";
import { benchStorm } from "./storm";
import { benchWholePath } from "./whole-path";

/** Every benchmark by the name it is called by: `npm run bench -- NAME`. */
const benches: Readonly<Record<string, (scope: BenchScope) => void | Promise<void>>> = {
  selection: () => {
    process.stdout.write(`${describeSelection(benchSelection())}\n`);
  },
  planning: () => {
    process.stdout.write(`${describePlanning(benchPlanning())}\n`);
  },
  batching: benchBatching,
  goodput: benchGoodput,
  echo: benchEcho,
  link: benchLink,
  "whole-path": benchWholePath,
  storm: benchStorm,
  cores: benchCores,
  density: benchDensity,
  fuzz: benchFuzz,
  mutants: benchMutants,
  registrations: benchRegistrations,
  proofs: benchProofs,
  "many-rows": benchManyRows,
  recheck: benchRecheck,
};

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === "compare") return compareCheckouts(args.slice(1));
  if (args[0] === "simulate") return benchSimulate(args.slice(1));
  const { names, scope } = readArguments(args);
  const chosen = names.length === 0 ? Object.keys(benches) : names;
  for (const name of chosen) {
    const bench = benches[name];
    if (bench === undefined)
      throw new Error(`no benchmark '${name}'; there are ${Object.keys(benches).join(", ")}`);
    process.stdout.write(`\n── ${name}\n`);
    await bench(scope);
  }
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
