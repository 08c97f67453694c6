import { create } from "@bufbuild/protobuf";
import { CatalogService, DeviceKind, MetricsService, RegistrationResultSchema } from "@infaas/api";
import { Code, createRpcClient, ServiceError } from "@infaas/runtime";
import {
  type House,
  inferRequest,
  putExecutor,
  putInstances,
  startHouse,
  TASK,
  until,
  wireVariant,
} from "../testing/house";

const REQUEST = { name: "cnn", task: TASK, modelDigest: "sha256:cd" };

function figure(name: string, value: number, attributes: Record<string, string>) {
  const point = {
    value: { case: "asDouble" as const, value },
    attributes: Object.entries(attributes).map(([key, text]) => ({
      key,
      value: { value: { case: "stringValue" as const, value: text } },
    })),
  };
  return { name, data: { case: "gauge" as const, value: { dataPoints: [point] } } };
}

describe("registerModel", () => {
  let house: House;
  let catalog: ReturnType<typeof catalogClient>;
  const catalogClient = () => createRpcClient(CatalogService, house.frontend.address);

  beforeEach(async () => {
    house = await startHouse({ e1: ["mlp@1"] });
    catalog = catalogClient();
  });
  afterEach(async () => {
    catalog.close();
    await house.stop();
  });

  it("streams progress, records the variants, places the efficient ones and then answers by the new name", async () => {
    house.executors[0]!.profiled = create(RegistrationResultSchema, {
      architecture: {
        name: "cnn",
        task: TASK,
        modelDigest: "sha256:cd",
        batchable: true,
        inputs: [{ name: "pixels", datatype: "FP32", shape: [-1n, 4n] }],
      },
      variants: [{ ...wireVariant({ name: "cnn@1", accuracy: 0.97 }), architecture: "cnn" }],
    });
    const stages: string[] = [];
    for await (const { event } of catalog.registerModel(REQUEST)) {
      if (event.case === "progress") stages.push(event.value.stage);
      if (event.case === "result") expect(event.value).toMatchObject({ unchanged: false });
    }
    expect(stages).toEqual(["profile", "record"]);
    await until(() => house.metadata.placements.length === 1);
    expect(house.metadata.placements[0]).toMatchObject({ variant: "cnn@1", reason: "registration" });
    putInstances(house.metadata, "e1", ["mlp@1", "cnn@1"]);
    await until(() => house.frontend.view.instances.length === 2);
    const response = await house.inference.modelInfer(inferRequest(TASK, { slo_min_accuracy: 0.95 }));
    expect(response.parameters.variant?.parameterChoice.value).toBe("cnn@1");
    for await (const { event } of catalog.registerModel(REQUEST)) {
      expect(event).toMatchObject({ case: "result", value: { unchanged: true } });
    }
    for await (const { event } of catalog.registerModel({ ...REQUEST, batchable: false })) {
      if (event.case === "result") expect(event.value).toMatchObject({ unchanged: false });
    }
  });

  it.each([
    [
      "of a model of another task",
      { name: "mlp", task: "other" },
      Code.FAILED_PRECONDITION,
      "delete it first",
    ],
    ["of a task", { name: "other" }, Code.ALREADY_EXISTS, "'other' is taken by a task"],
    ["of a model, as an alias", { aliases: ["mlp"] }, Code.ALREADY_EXISTS, "taken by architecture 'mlp'"],
  ])("refuses a name %s before anything is profiled", async (_, asked, code, sentence) => {
    await catalog.putTask({ task: { name: "other", metric: "accuracy" } });
    await until(() => house.frontend.view.catalog.tasks.some(({ name }) => name === "other"));
    const refused = (async () => {
      for await (const _event of catalog.registerModel({ ...REQUEST, ...asked }));
    })();
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringContaining(sentence) });
    expect(house.executors[0]?.order).toBeNull();
  });

  it("makes a task for a model that is registered with nothing but its name, and passes on what its owner states", async () => {
    const [executor] = house.executors;
    executor!.profiled = create(RegistrationResultSchema, {
      architecture: { name: "lone", task: "model/lone", modelDigest: "sha256:ef" },
      variants: [
        { ...wireVariant({ name: "lone@1", accuracy: 0.9 }), architecture: "lone", task: "model/lone" },
      ],
    });
    const request = { name: "lone", modelDigest: "sha256:ef", batchable: false, axisSizes: { length: 16 } };
    for await (const _ of catalog.registerModel(request));
    await until(() => house.frontend.view.catalog.tasks.some((task) => task.name === "model/lone"));
    expect(executor!.order).toMatchObject({
      architecture: { name: "lone", task: "model/lone" },
      task: { name: "model/lone", metric: "accuracy" },
      statedBatchable: false,
      axisSizes: { length: 16 },
    });
  });

  it("measures on an executor with a device where there is one, which has variants for it beside those of the CPU", async () => {
    await house.stop();
    house = await startHouse({ e1: [], e2: [], e3: [] });
    catalog.close();
    catalog = catalogClient();
    const kindsOf = (name: string) => house.frontend.view.executors.get(name)?.deviceKinds;
    putExecutor(house.metadata, house.executors[1]!, [DeviceKind.CPU, DeviceKind.HOST]);
    await until(() => kindsOf("e2")?.length === 2);
    expect(kindsOf("e2")).toEqual(["cpu", "host"]);
    house.executors[1]!.profiled = create(RegistrationResultSchema, {
      architecture: { name: "cnn", task: TASK, modelDigest: "sha256:cd" },
      variants: [{ ...wireVariant({ name: "cnn@1", accuracy: 0.97 }), architecture: "cnn" }],
    });
    for await (const _ of catalog.registerModel(REQUEST));
    expect(house.executors.map(({ order }) => order?.architecture?.name)).toEqual([
      undefined,
      "cnn",
      undefined,
    ]);
  });

  it("passes on examples and records which, measures anew for others, and not for the same or none", async () => {
    const [executor] = house.executors;
    const example = { name: "x.npy", input: "pixels", content: Uint8Array.of(1, 2) };
    const named = { name: "lone", task: "model/lone", modelDigest: "sha256:ef" };
    const variants = [
      { ...wireVariant({ name: "lone", accuracy: 0.9 }), architecture: "lone", task: "model/lone" },
    ];
    const register = async (examples: readonly (typeof example)[]) => {
      const request = { name: "lone", modelDigest: "sha256:ef", examples: [...examples] };
      for await (const { event } of catalog.registerModel(request))
        if (event.case === "result") return event.value.unchanged;
      return null;
    };
    executor!.profiled = create(RegistrationResultSchema, { architecture: named, variants });
    await register([example]);
    const { exampleDigest = "" } = executor!.order?.architecture ?? {};
    expect([executor!.order?.examples, exampleDigest]).toMatchObject([
      [example],
      expect.stringMatching(/^sha256:/),
    ]);
    executor!.profiled = create(RegistrationResultSchema, {
      architecture: { ...named, exampleDigest },
      variants,
    });
    await register([{ ...example, content: Uint8Array.of(3) }]);
    await until(() =>
      house.frontend.view.catalog.architectures.some((a) => a.exampleDigest === exampleDigest),
    );
    expect([await register([example]), await register([]), await register([example, example])]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it.each([
    [{ ...REQUEST, name: "No Good" }, Code.INVALID_ARGUMENT, 'model name "No Good" may hold letters'],
    [
      { ...REQUEST, examples: [{ name: "x.txt" }] },
      Code.INVALID_ARGUMENT,
      "examples in 'x.txt' are not read; a name ends in .npy, .npz, .json, .csv, .pb",
    ],
    [{ ...REQUEST, task: "cats" }, Code.NOT_FOUND, `task 'cats' is not known; known: ${TASK}`],
  ])("refuses %p and says what would be accepted", async (request, code, message) => {
    const events = catalog.registerModel(request)[Symbol.asyncIterator]();
    const error = await events.next().then(
      () => null,
      (e: unknown) => ServiceError.from(e),
    );
    expect(error?.code).toBe(code);
    expect(error?.message).toContain(message);
  });
});

describe("otlpReceiver", () => {
  it("feeds the view: utilisation, memory, and an instance that serves at saturation is overloaded", async () => {
    const house = await startHouse({ e1: ["mlp@1"] });
    const metrics = createRpcClient(MetricsService, house.frontend.address);
    const instance = { executor: "e1", variant: "mlp@1" };
    const send = (served: number) =>
      metrics.export({
        resourceMetrics: [
          {
            scopeMetrics: [
              {
                metrics: [
                  figure("infaas.executor.utilisation", 0.75, { executor: "e1" }),
                  figure("infaas.executor.memory.free", 5e9, { executor: "e1" }),
                  figure("infaas.instance.served", served, instance),
                ],
              },
            ],
          },
        ],
      });
    await send(0);
    await send(1e9);
    const [live] = house.frontend.view.instances;
    metrics.close();
    const executor = house.frontend.view.executors.get("e1");
    expect([executor?.utilisation, executor?.memoryFreeBytes, live?.state]).toEqual([
      0.75,
      5e9,
      "overloaded",
    ]);
    await house.stop();
  });
});
