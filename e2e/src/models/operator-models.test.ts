import { seededRandom } from "@infaas/runtime";
import { hasPython } from "../python-environment";
import { ReferenceEngine } from "../reference";
import { checkAll } from "./check-all";
import { summary } from "./model-report";
import { operatorFiles } from "./operator-models";
import { sampleOf } from "./sample-of";

/** Models of a short run; the whole is `npm run operator-models`. */
const SAMPLE = 12;
/** Which are drawn; another number draws others. */
const SEED = Number(process.env.OPERATOR_MODELS_SEED ?? 20_787);

const suite = hasPython() ? describe : describe.skip;
if (!hasPython())
  process.stderr.write("operator models are skipped: there is no python3 with venv to fetch them\n");

suite(`operator models of the package onnx, OPERATOR_MODELS_SEED=${SEED}`, () => {
  it("register from their files and answer as the engine does", async () => {
    const engine = await ReferenceEngine.open();
    const sample = sampleOf(await operatorFiles(), SAMPLE, seededRandom(SEED));
    const outcomes = await checkAll(sample, engine);
    engine.close();
    const kinds = new Set([...outcomes.values()].map(({ kind }) => kind));
    expect(summary(outcomes)).not.toMatch(/^(wrong|refused)/m);
    expect(kinds).toContain("right");
  }, 300_000);
});
