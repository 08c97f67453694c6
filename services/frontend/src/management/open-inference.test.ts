import { GRPCInferenceService } from "@infaas/api";
import { Code, createRpcClient, ServiceError } from "@infaas/runtime";
import { type House, putExecutor, startAlone, startHouse, TASK, until } from "../testing/house";
import { ScriptedExecutor } from "../testing/scripted-executor";

const failure = (call: Promise<unknown>) => call.then(() => null, ServiceError.from);

describe("serverReady", () => {
  it("is said once an executor takes work, and no more when the last one drains", async () => {
    const house = await startHouse({});
    const ready = async () => (await house.inference.serverReady({})).ready;
    expect(await ready()).toBe(false);
    const executor = new ScriptedExecutor("late");
    await executor.start();
    putExecutor(house.metadata, executor);
    await until(() => [...house.frontend.view.executors.values()].some((e) => e.accepting));
    expect(await ready()).toBe(true);
    house.frontend.view.setDraining({ executor: "late" });
    expect(await ready()).toBe(false);
    await executor.stop();
    await house.stop();
  });
});

describe("before metadata has told anything", () => {
  it("refuses every name with UNAVAILABLE, and nothing is ready", async () => {
    const { frontend, stop } = await startAlone();
    const inference = createRpcClient(GRPCInferenceService, frontend.address);
    const refused = [
      inference.modelInfer({ modelName: "mlp" }),
      inference.modelMetadata({ name: "mlp" }),
      inference.modelConfig({ name: "mlp:fast" }),
    ];
    const codes = (await Promise.all(refused.map(failure))).map((error) => error?.code);
    expect(codes).toEqual([Code.UNAVAILABLE, Code.UNAVAILABLE, Code.UNAVAILABLE]);
    expect(await inference.serverReady({})).toMatchObject({ ready: false });
    expect(await inference.modelReady({ name: "mlp" })).toMatchObject({ ready: false });
    inference.close();
    await stop();
  });
});

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
    ["mlp", "", true],
    ["mlp:fast", "1", true],
    ["mlp", "7", false],
    ["dogs", "", false],
    ["dogs:fast", "", false],
  ])("says of %s version '%s' whether it is ready: %s", async (name, version, ready) => {
    expect(await house.inference.modelReady({ name, version })).toMatchObject({ ready });
  });

  it("refuses to say whether a version that is no number is ready", async () => {
    const error = await failure(house.inference.modelReady({ name: "mlp", version: "one" }));
    expect(error?.code).toBe(Code.INVALID_ARGUMENT);
  });

  it("answers to a name with requirements, and lists none", async () => {
    const name = "digit-classification:best@latency=20";
    expect(await house.inference.modelMetadata({ name })).toMatchObject({ name, versions: ["1"] });
    expect((await house.inference.modelConfig({ name })).config).toMatchObject({ name });
    expect((await house.inference.modelStatistics({ name })).modelStats).toMatchObject([{ name }]);
    const { models } = await house.inference.repositoryIndex({});
    expect(models.filter((model) => model.name.includes(":"))).toEqual([]);
  });

  it.each(["mlp:chaep", "mlp@accuracy", "mlp@accuracy=1,accuracy=1", "mlp@acuracy=1", "mlp:", "mlp@"])(
    "refuses %s, saying what a name may say",
    async (name) => {
      const error = await failure(house.inference.modelMetadata({ name }));
      expect([error?.code, error?.message]).toEqual([
        Code.INVALID_ARGUMENT,
        expect.stringContaining(
          "NAME[:cheap|fast|best][@accuracy=NUMBER,latency=NUMBER,cost=NUMBER,deterministic]",
        ),
      ]);
    },
  );

  it.each([
    ["mlp", "7", Code.NOT_FOUND, "version 7 is not found; current is 1"],
    ["mlp", "one", Code.INVALID_ARGUMENT, "allowed: a positive whole number as text"],
    ["mlp", "0", Code.INVALID_ARGUMENT, "model version is '0'"],
    ["dogs", "", Code.NOT_FOUND, "unknown model: 'dogs'"],
  ])("refuses %s version '%s'", async (name, version, code, message) => {
    const error = await failure(house.inference.modelMetadata({ name, version }));
    expect(error?.code).toBe(code);
    expect(error?.message).toContain(message);
  });
});
