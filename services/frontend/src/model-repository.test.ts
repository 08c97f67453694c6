import { InstancePhase } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { type House, inferRequest, putInstances, startHouse, TASK, until } from "./fixture-house";

async function refusalOf(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    return ServiceError.from(error);
  }
  throw new Error("was answered");
}

describe("model repository", () => {
  let house: House;
  beforeEach(async () => {
    house = await startHouse({ e1: ["mlp@1"] }, [{ name: "mlp@1" }, { name: "mlp@2", accuracy: 0.95 }]);
    const { metadata } = house;
    const recordPlacement = (variant: string, executor: string) => {
      const value = { variant, executor, reason: "registration" };
      metadata.put(`placement/${variant}`, { case: "placement", value });
    };
    metadata.onPlacement = ({ variant, executor }) => {
      recordPlacement(variant, executor);
      putInstances(metadata, executor, [...loaded(), variant]);
    };
    metadata.onUnplacement = ({ variant, executor }) => {
      metadata.delete(`placement/${variant}`);
      const rest = loaded().filter((name) => name !== variant);
      putInstances(metadata, executor, rest);
    };
    for (const variant of loaded()) recordPlacement(variant, "e1");
    await until(() => [...house.frontend.view.placements].length === 1);
  });
  afterEach(() => house.stop());

  const loaded = () => house.frontend.view.instances.map((instance) => instance.variant);
  const states = async () =>
    (await house.inference.repositoryIndex({})).models.map((m) => `${m.name} ${m.state} ${m.reason}`.trim());

  it.each([
    ["mlp@2", ["mlp@2"]],
    ["digits-mlp", ["mlp@2"]],
    [TASK, ["mlp@2"]],
    ["mlp@1", []],
  ])("loads what of %s is not loaded, and answers when it is ready", async (modelName, placed) => {
    await house.inference.repositoryModelLoad({ modelName });
    expect(house.metadata.placements.map((p) => p.variant)).toEqual(placed);
    expect(house.metadata.placements.every((p) => p.reason === "operator")).toBe(true);
    expect(loaded()).toEqual(["mlp@1", ...placed]);
  });

  it("unloads a variant: what else answers its task goes on, and it is not loaded again by a query", async () => {
    await house.inference.repositoryModelUnload({ modelName: "mlp@1" });
    expect(loaded()).toEqual([]);
    expect((await house.inference.modelReady({ name: "mlp@1" })).ready).toBe(false);
    const error = await refusalOf(house.inference.modelInfer(inferRequest("mlp@1")));
    expect([error.code, error.message]).toEqual([
      Code.UNAVAILABLE,
      expect.stringContaining("it was unloaded"),
    ]);
    const { parameters } = await house.inference.modelInfer(inferRequest(TASK));
    expect(parameters.variant?.parameterChoice.value).toBe("mlp@2");
  });

  it("unloads all of a task, keeps it so, and brings it back by its name", async () => {
    await house.inference.repositoryModelUnload({ modelName: TASK });
    expect(await states()).toEqual([
      "mlp@1 UNAVAILABLE unloaded",
      "mlp@2 UNAVAILABLE unloaded",
      "mlp UNAVAILABLE unloaded",
      `${TASK} UNAVAILABLE unloaded`,
    ]);
    expect((await refusalOf(house.inference.modelInfer(inferRequest(TASK)))).code).toBe(Code.UNAVAILABLE);
    expect(house.metadata.placements).toEqual([]);
    await house.inference.repositoryModelLoad({ modelName: "mlp" });
    expect((await house.inference.modelReady({ name: TASK })).ready).toBe(true);
    expect((await house.inference.modelInfer(inferRequest(TASK))).outputs).toHaveLength(1);
  });

  it("waits until a draining instance is gone, and shows it meanwhile", async () => {
    const { metadata, inference } = house;
    metadata.onUnplacement = () => putInstances(metadata, "e1", ["mlp@1"], InstancePhase.DRAINING);
    let isDone = false;
    const unloaded = inference.repositoryModelUnload({ modelName: "mlp@1" }).then(() => {
      isDone = true;
    });
    await until(() => [...house.frontend.view.allStatuses()][0]?.[1].phase === InstancePhase.DRAINING);
    expect(await states()).toContain("mlp@1 UNLOADING");
    expect(isDone).toBe(false);
    putInstances(metadata, "e1", []);
    await unloaded;
  });

  it("shows what is being loaded and why a load failed, and tells the operator", async () => {
    const { metadata, inference } = house;
    metadata.onPlacement = () => putInstances(metadata, "e1", ["mlp@2"], InstancePhase.LOADING);
    const refused = refusalOf(inference.repositoryModelLoad({ modelName: "mlp@2" }));
    await until(() => house.metadata.placements.length === 1 && house.frontend.view.instances.length === 0);
    expect(await states()).toContain("mlp@2 LOADING");
    putInstances(metadata, "e1", ["mlp@2"], InstancePhase.FAILED, "golden answer is off by 1");
    const error = await refused;
    expect([error.code, error.message]).toEqual([
      Code.UNAVAILABLE,
      "mlp@2 failed to load on e1: golden answer is off by 1",
    ]);
    expect(await states()).toContain("mlp@2 UNAVAILABLE golden answer is off by 1");
  });

  it.each<[string, object, Code, string]>([
    ["an unknown name", { modelName: "cats" }, Code.NOT_FOUND, "unknown model: 'cats'"],
    ["another repository", { repositoryName: "r", modelName: "mlp" }, Code.UNIMPLEMENTED, "repository 'r'"],
    [
      "files",
      {
        modelName: "mlp",
        parameters: {
          "file:1/model.onnx": { parameterChoice: { case: "bytesParam", value: new Uint8Array(1) } },
        },
      },
      Code.UNIMPLEMENTED,
      "models are registered by infaas.v1.CatalogService",
    ],
    [
      "a config that changes what was measured",
      {
        modelName: "mlp",
        parameters: { config: { parameterChoice: { case: "stringParam", value: '{"max_batch_size": 4}' } } },
      },
      Code.INVALID_ARGUMENT,
      "config sets maxBatchSize to 4, registered and measured is 8",
    ],
    [
      "a config that is none",
      {
        modelName: "mlp",
        parameters: { config: { parameterChoice: { case: "stringParam", value: '{"mood": 4}' } } },
      },
      Code.INVALID_ARGUMENT,
      "config is no ModelConfig in JSON",
    ],
    [
      "a parameter it does not know",
      { modelName: "mlp", parameters: { mood: { parameterChoice: { case: "boolParam", value: true } } } },
      Code.INVALID_ARGUMENT,
      "allowed: config (string_param)",
    ],
  ])("refuses to load %s", async (_what, request, code, sentence) => {
    const error = await refusalOf(house.inference.repositoryModelLoad(request));
    expect(error.code).toBe(code);
    expect(error.message).toContain(sentence);
  });

  it("takes a config that says what holds, and unload_dependents", async () => {
    const config = {
      parameterChoice: { case: "stringParam" as const, value: '{"name": "mlp", "max_batch_size": 8}' },
    };
    await house.inference.repositoryModelLoad({ modelName: "mlp", parameters: { config } });
    const dependents = { parameterChoice: { case: "boolParam" as const, value: true } };
    await house.inference.repositoryModelUnload({
      modelName: "mlp",
      parameters: { unload_dependents: dependents },
    });
    expect(loaded()).toEqual([]);
  });
});
