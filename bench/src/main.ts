import { benchBatching } from "./batching";
import { benchEcho } from "./echo";
import { benchGoodput } from "./goodput";
import { benchSelection, describeSelection } from "./selection";
import { benchWholePath } from "./whole-path";

/** Every benchmark by the name it is called by: `npm run bench -- NAME`. */
const benches: Readonly<Record<string, () => void | Promise<void>>> = {
  selection: () => {
    process.stdout.write(`${describeSelection(benchSelection())}\n`);
  },
  batching: benchBatching,
  goodput: benchGoodput,
  echo: benchEcho,
  "whole-path": benchWholePath,
};

async function main(names: readonly string[]): Promise<void> {
  const chosen = names.length === 0 ? Object.keys(benches) : names;
  for (const name of chosen) {
    const bench = benches[name];
    if (bench === undefined)
      throw new Error(`no benchmark '${name}'; there are ${Object.keys(benches).join(", ")}`);
    process.stdout.write(`\n── ${name}\n`);
    await bench();
  }
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
