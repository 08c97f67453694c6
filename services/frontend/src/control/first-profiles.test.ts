import type { Variant } from "@infaas/api";
import { type House, inferRequest, startHouse, until, wireVariant } from "../testing/house";
import { ANSWER_VALUES } from "../testing/scripted-executor";

/** As many answers as make a profile. */
const ANSWERS = 8;

const NAME = "mlp@1";
const unprofiled = {
  ...wireVariant({ name: NAME, latencyMs: 100 }),
  goldenTolerance: 1e-4,
  unprofiledReason: "no input was found that it takes",
};

describe("FirstProfiles", () => {
  let house: House;
  let recorded: Variant[];
  beforeEach(async () => {
    house = await startHouse({ e1: [NAME] });
    recorded = [];
    house.metadata.onVariants = (variants) => recorded.push(...variants);
    house.metadata.put(`variant/${NAME}`, { case: "variant", value: unprofiled });
    await until(() => house.frontend.view.catalog.variants[0]?.unprofiledReason !== undefined);
  });
  afterEach(() => house.stop());

  const answered = async (count: number) => {
    for (let turn = 0; turn < count; turn++) await house.inference.modelInfer(inferRequest("mlp"));
  };

  it("record what the engine took, and the first whole query with its answer", async () => {
    await answered(ANSWERS - 1);
    expect(recorded).toEqual([]);
    await answered(1);
    await until(() => recorded.length > 0);
    expect(recorded).toMatchObject([
      {
        name: NAME,
        unprofiledReason: "",
        goldenInputs: [new Uint8Array(16)],
        goldenInputShapes: [{ dims: [1n, 4n] }],
        goldenOutputs: [new Uint8Array(ANSWER_VALUES.buffer)],
        goldenTolerance: 1e-4,
        profile: {
          points: [{ batch: 1, p50Ms: 0.75, p99Ms: 0.75 }],
          saturationPerSecond: 1000 / 0.75,
          loadMs: unprofiled.profile?.loadMs,
        },
      },
    ]);
  });

  it("record once, however many queries come meanwhile", async () => {
    await Promise.all(Array.from({ length: 5 * ANSWERS }, () => answered(1)));
    await until(() => house.frontend.view.catalog.variants[0]?.unprofiledReason === undefined);
    await answered(2 * ANSWERS);
    expect(recorded).toHaveLength(1);
  });

  it("leave a record alone that somebody else changed meanwhile", async () => {
    await answered(ANSWERS - 1);
    house.metadata.put(`variant/${NAME}`, { case: "variant", value: wireVariant({ name: NAME }) });
    await until(() => house.frontend.view.catalog.variants[0]?.unprofiledReason === undefined);
    await answered(ANSWERS);
    expect(recorded).toEqual([]);
  });

  it("take no golden query of a model that draws its answers", async () => {
    const drawing = { ...unprofiled, goldenTolerance: 0 };
    const { variants } = house.frontend.view.catalog;
    house.metadata.put(`variant/${NAME}`, { case: "variant", value: drawing });
    await until(() => house.frontend.view.catalog.variants[0] !== variants[0]);
    await answered(ANSWERS);
    await until(() => recorded.length > 0);
    expect(recorded).toMatchObject([{ goldenInputs: [], goldenOutputs: [], goldenTolerance: 0 }]);
  });
});
