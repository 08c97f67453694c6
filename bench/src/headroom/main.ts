import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { HEADROOM_AXES } from "@infaas/policy";
import { seededRandom } from "@infaas/runtime";
import { type HeadroomCells, makeHeadroom } from "./make-table";

const ARRIVALS = 400_000;
const SEED = 20_261_130;
const path = join(__dirname, "../../../packages/policy/src/planning/headroom-cells.ts");

/** The table as a file of TypeScript: a line for each number of servers. */
function written(cells: HeadroomCells): string {
  const lines = cells.map((variations) => {
    const pools = variations.map((servers) => servers.map((row) => `      [${row.join(", ")}],`).join("\n"));
    return `  [\n${pools.map((rows) => `    [\n${rows}\n    ],`).join("\n")}\n  ],`;
  });
  return `/**
 * Largest utilisation by late share, gap variation, servers and objective, in the order of \`HEADROOM_AXES\`. Made by
 * \`npm run headroom -w @infaas/bench\` from ${ARRIVALS.toLocaleString("en")} arrivals each; not edited by hand.
 */
export const HEADROOM_CELLS: readonly (readonly (readonly (readonly number[])[])[])[] = [
${lines.join("\n")}
];
`;
}

const cells = makeHeadroom(HEADROOM_AXES, ARRIVALS, seededRandom(SEED));
writeFileSync(path, written(cells));
process.stdout.write(`wrote ${path}\n`);
