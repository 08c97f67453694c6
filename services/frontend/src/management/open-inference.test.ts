import { Code, ServiceError } from "@infaas/runtime";
import { type House, startHouse, TASK } from "../testing/house";

const failure = (call: Promise<unknown>) => call.then(() => null, ServiceError.from);

describe("openInference", () => {
  let house: House;
  beforeAll(async () => {
    house = await startHouse({ e1: ["mlp@1"] }, [{ name: "mlp@1" }, { name: "mlp@2", accuracy: 0.95 }]);
  });
  afterAll(() => house.stop());

  it("is live, ready, and announces statistics", async () => {
    expect(await house.inference.serverLive({})).toMatchObject({ live: true });
    expect(await house.inference.serverReady({})).toMatchObject({ ready: true });
    expect((await house.inference.serverMetadata({})).extensions).toContain("statistics");
  });

  it.each([TASK, "digit-classification", "digits-mlp", "mlp", "mlp@2"])(
    "describes %s with a batch axis in metadata and without in config",
    async (name) => {
      const metadata = await house.inference.modelMetadata({ name });
      expect(metadata).toMatchObject({
        name,
        versions: ["1"],
        inputs: [{ name: "pixels", shape: [-1n, 4n] }],
      });
      const { config } = await house.inference.modelConfig({ name, version: "1" });
      expect(config).toMatchObject({ name, maxBatchSize: 8, input: [{ dims: [4n] }] });
      expect(config?.schedulingChoice.case).toBe("dynamicBatching");
    },
  );

  it("shows statistics under the name that was asked for, and all under their own", async () => {
    const names = async (name: string) =>
      (await house.inference.modelStatistics({ name })).modelStats.map((m) => `${m.name} ${m.version}`);
    expect(await names("digit-classification")).toEqual(["digit-classification 1"]);
    expect(await names("")).toEqual(["mlp@1 1", "mlp@2 1", "mlp 1", `${TASK} 1`]);
  });

  it("lists variants, architectures and tasks, and filters by what is loaded", async () => {
    const names = async (ready: boolean) =>
      (await house.inference.repositoryIndex({ ready })).models.map((m) => `${m.name} ${m.state}`);
    expect(await names(false)).toEqual(["mlp@1 READY", "mlp@2 UNAVAILABLE", "mlp READY", `${TASK} READY`]);
    expect(await names(true)).toEqual(["mlp@1 READY", "mlp READY", `${TASK} READY`]);
  });

  it.each([
    ["mlp", "7", Code.NOT_FOUND, "version 7 is not found; current is 1"],
    ["mlp", "one", Code.INVALID_ARGUMENT, "allowed: a positive whole number as text"],
    ["mlp", "0", Code.INVALID_ARGUMENT, "model version is '0'"],
    ["dogs", "", Code.NOT_FOUND, "unknown model: 'dogs'"],
  ])("refuses %s version '%s'", async (name, version, code, message) => {
    const error = await failure(house.inference.modelReady({ name, version }));
    expect(error?.code).toBe(code);
    expect(error?.message).toContain(message);
  });
});
