import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import {
  InstancePhase,
  type LoadOverride,
  ModelInstanceGroup_Kind,
  RegistrationResultSchema,
} from "@infaas/api";
import { Code } from "@infaas/runtime";
import {
  type House,
  inferRequest,
  putInstances,
  refusalOf,
  startHouse,
  TASK,
  until,
  wireVariant,
} from "../testing/house";

const textParameter = (value: string) => ({ parameterChoice: { case: "stringParam" as const, value } });
const bytesParameter = (value: Uint8Array) => ({ parameterChoice: { case: "bytesParam" as const, value } });
const DIGEST = `sha256:${createHash("sha256")
  .update(new Uint8Array([0x08, 0x07]))
  .digest("hex")}`;

describe("model repository", () => {
  let house: House;
  beforeEach(async () => {
    house = await startHouse({ e1: ["mlp@1"] }, [{ name: "mlp@1" }, { name: "mlp@2", accuracy: 0.95 }]);
    const { metadata } = house;
    // What the executor has, which a load or an unload of several variants changes step by step.
    const held = new Set(loaded());
    metadata.onPlacement = ({ variant, executor }) => {
      const { overrides } = house.frontend.view.catalog;
      putInstances(metadata, executor, [...held.add(variant)], InstancePhase.READY, "", overrides);
    };
    metadata.onUnplacement = ({ variant, executor }) => {
      held.delete(variant);
      putInstances(metadata, executor, [...held]);
    };
    for (const variant of loaded()) metadata.place("e1", variant);
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

  it("unloads two variants of one architecture at once, and neither is forgotten", async () => {
    const { inference } = house;
    await inference.repositoryModelLoad({ modelName: "mlp@2" });
    await Promise.all(["mlp@1", "mlp@2"].map((modelName) => inference.repositoryModelUnload({ modelName })));
    expect(await states()).toEqual([
      "mlp@1 UNAVAILABLE unloaded",
      "mlp@2 UNAVAILABLE unloaded",
      "mlp UNAVAILABLE unloaded",
      `${TASK} UNAVAILABLE unloaded`,
    ]);
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
      "a file that is none of a model",
      {
        modelName: "mlp",
        parameters: {
          "file:model.onnx": { parameterChoice: { case: "bytesParam", value: new Uint8Array(1) } },
        },
      },
      Code.INVALID_ARGUMENT,
      "accepted are file:<version>/model.onnx",
    ],
    [
      "a config that goes beyond what was measured",
      {
        modelName: "mlp",
        parameters: { config: { parameterChoice: { case: "stringParam", value: '{"max_batch_size": 9}' } } },
      },
      Code.INVALID_ARGUMENT,
      "max_batch_size is 9; accepted: 1 to 8",
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

  const load = (modelName: string, config?: object) =>
    house.inference.repositoryModelLoad({
      modelName,
      parameters: config === undefined ? {} : { config: textParameter(JSON.stringify(config)) },
    });
  /** Executors load anew what is recorded otherwise than it is loaded; `reason`: why they cannot. */
  const followOverrides = (reason = "") => {
    house.metadata.onVariants = (variants) => {
      const overrides = variants.flatMap(({ name, loadOverride: o }) => (o === undefined ? [] : [[name, o]]));
      const loadedSo = reason === "" ? new Map(overrides as [string, LoadOverride][]) : undefined;
      putInstances(house.metadata, "e1", loaded(), InstancePhase.READY, reason, loadedSo);
    };
  };
  const configOf = async (name: string) => (await house.inference.modelConfig({ name })).config;

  it("loads as a config says, shows that, and ends it with the next load without one", async () => {
    followOverrides();
    await load("mlp@1", {
      max_batch_size: 4,
      instance_group: [{ count: 2 }],
      dynamic_batching: { preferred_batch_size: [2, 4], max_queue_delay_microseconds: 100 },
      parameters: { owner: { string_value: "vision" } },
    });
    expect(await configOf("mlp@1")).toMatchObject({
      maxBatchSize: 4,
      instanceGroup: [{ name: "mlp@1_0", kind: ModelInstanceGroup_Kind.CPU, count: 2 }],
      schedulingChoice: { value: { preferredBatchSize: [2, 4], maxQueueDelayMicroseconds: 100n } },
      parameters: { owner: { stringValue: "vision" } },
    });
    const wide = { ...inferRequest("mlp@1"), rawInputContents: [new Uint8Array(80)] };
    wide.inputs[0]!.shape = [5n, 4n];
    await house.inference.modelInfer(wide);
    expect(house.executors[0]?.received.at(-1)?.body.byteLength).toBeGreaterThan(80);
    await load("mlp@1");
    expect(await configOf("mlp@1")).toMatchObject({ maxBatchSize: 8, parameters: {} });
  });

  it("bounds waits and chooses lanes as the loaded model says", async () => {
    followOverrides();
    const policy = { default_timeout_microseconds: 5_000 };
    await load(TASK, {
      dynamic_batching: { priority_levels: 1, default_queue_policy: policy },
    });
    await house.inference.modelInfer(inferRequest("mlp@1", { priority: 3, timeout: 60_000_000 }));
    const frame = house.executors[0]?.received.at(-1);
    expect(frame?.lane).toBe(0);
    expect(frame?.timeoutMs).toBeGreaterThan(5);
    expect(frame?.timeoutMs).toBeLessThan(20);
  });

  it("takes back a config with which the executor cannot load, and says why", async () => {
    followOverrides("no room: needs 3 bytes");
    const error = await refusalOf(load("mlp@1", { instance_group: [{ count: 8 }] }));
    expect([error.code, error.message]).toEqual([
      Code.UNAVAILABLE,
      "mlp@1 failed to load on e1: no room: needs 3 bytes",
    ]);
    expect((await configOf("mlp@1"))?.instanceGroup[0]?.count).toBe(1);
  });

  describe("when a load brings its model", () => {
    const model = { "file:1/model.onnx": bytesParameter(new Uint8Array([0x08, 0x07])) };

    beforeEach(() => {
      house.executors[0]!.profiled = create(RegistrationResultSchema, {
        architecture: {
          name: "cnn",
          task: "model/cnn",
          modelDigest: DIGEST,
          batchable: true,
          inputs: [{ name: "pixels", datatype: "FP32", shape: [-1n, 4n] }],
        },
        variants: [{ ...wireVariant({ name: "cnn@1" }), architecture: "cnn", task: "model/cnn" }],
      });
    });

    it("registers it under its name and answers when it is ready", async () => {
      await house.inference.repositoryModelLoad({ modelName: "cnn", parameters: model });
      expect(house.metadata.uploads.get(DIGEST)).toBe(2);
      expect(house.executors[0]?.order?.architecture).toMatchObject({ name: "cnn", modelDigest: DIGEST });
      expect(await states()).toContain("model/cnn READY");
      expect((await house.inference.modelInfer(inferRequest("cnn"))).modelVersion).toBe("1");
    });

    it("takes any folder, and gives the version of the folder where that is later", async () => {
      const folder = { "file:3/model.onnx": model["file:1/model.onnx"] };
      house.executors[0]!.profiled!.architecture!.version = 3;
      for (const variant of house.executors[0]!.profiled!.variants) variant.version = 3;
      await house.inference.repositoryModelLoad({ modelName: "cnn", parameters: folder });
      expect(house.executors[0]?.order?.architecture?.version).toBe(3);
      expect((await house.inference.modelInfer(inferRequest("cnn"))).modelVersion).toBe("3");
    });

    it("says why it could not be registered", async () => {
      house.executors[0]!.profiled = null;
      const error = await refusalOf(
        house.inference.repositoryModelLoad({ modelName: "cnn", parameters: model }),
      );
      expect([error.code, error.message]).toEqual([Code.FAILED_PRECONDITION, "nothing to profile"]);
    });

    it.each<[string, string, object, Code, string]>([
      ["the name of a variant", "mlp@1", model, 6, "is a name of variant 'mlp@1'"],
      ["an alias", "digits-mlp", model, 6, "is a name of architecture 'mlp'"],
      [
        "a file that is no model",
        "cnn",
        { "file:1/model.onnx": bytesParameter(new Uint8Array([0x3a, 0x7f])) },
        3,
        "is no onnx model",
      ],
      [
        "a file that the model does not need",
        "cnn",
        { ...model, "file:1/labels.txt": bytesParameter(new Uint8Array(1)) },
        3,
        "'labels.txt' is none that the model takes weights from",
      ],
    ])("refuses %s before anything is uploaded", async (_what, modelName, parameters, code, sentence) => {
      const request = { modelName, parameters: parameters as typeof model };
      const error = await refusalOf(house.inference.repositoryModelLoad(request));
      expect(error.code).toBe(code);
      expect(error.message).toContain(sentence);
      expect(house.metadata.uploads.size).toBe(0);
    });
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
