import { seededRandom } from "@infaas/runtime";
import { LoneFrontend } from "../lone-frontend";
import { costOf, searchTarget } from "./search-target";
import { type CostTarget, costTargets, numbersTarget } from "./targets";

jest.setTimeout(180_000);

/** Looked for further finds in each way in; what is kept is sent first. `npm run cost -w e2e -- SECONDS` looks for longer. */
const seconds = 0.25;
/**
 * What the costliest message may cost, in costs of the measure: between 1 and 2 are seen. Messages whose cost was not bounded
 * before they were read have cost 50 and more.
 */
const MEASURES_MAX = 8;
const MEASUREMENTS = 1;

describe("a frontend that is sent what was found to cost most", () => {
  let frontend: LoneFrontend;
  let close = () => {};
  let targets: readonly CostTarget[] = [];
  let measure: CostTarget;
  beforeAll(async () => {
    frontend = await LoneFrontend.start({ INFAAS_INGRESS: "native" });
    ({ targets, close } = costTargets(frontend));
    measure = numbersTarget(frontend);
  });
  afterAll(async () => {
    close();
    await frontend?.stop();
  });

  /** What the largest body of numbers costs now: on a slow machine, or a busy one, as much more as all else. */
  async function measuredMs(): Promise<number> {
    const costs: number[] = [];
    for (let i = 0; i < MEASUREMENTS; i++)
      for (const bytes of measure.seeds) costs.push((await costOf(measure, frontend.pid, bytes)).costMs);
    return Math.min(...costs);
  }

  it("is busy with none for much longer than with the largest body of numbers", async () => {
    const beyond: string[] = [];
    const lines: string[] = [];
    for (const target of targets) {
      const one = await measuredMs();
      const { worst } = await searchTarget(target, { pid: frontend.pid, seconds, random: seededRandom(1) });
      const line = `${target.name}: ${(worst.costMs / one).toFixed(1)} measures of ${one.toFixed(1)} ms for ${worst.bytes.length} bytes`;
      lines.push(line);
      if (worst.costMs > MEASURES_MAX * one)
        beyond.push(`${line}: ${worst.bytes.subarray(0, 60).toString("latin1")}`);
    }
    process.stdout.write(`${lines.join("\n")}\n`);
    expect(lines).toHaveLength(targets.length);
    expect(beyond).toEqual([]);
  });
});
