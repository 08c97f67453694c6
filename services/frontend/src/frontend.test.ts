import { fromBinary } from "@bufbuild/protobuf";
import {
  CatalogService,
  InferenceService,
  type InferParameter,
  LANE_ALONE,
  RefusalSchema,
} from "@infaas/api";
import { Code, createRpcClient } from "@infaas/runtime";
import { type House, inferRequest, parametersOf, refusalOf, startHouse, TASK, until } from "./testing/house";
import { HttpCaller } from "./testing/http-client";
import { ANSWER_VALUES } from "./testing/scripted-executor";

jest.setTimeout(30_000);

/** Every second metadata answers a campaign; twice that is no idle cluster. */
const IDLE_AGE_MAX_MS = 2_000;

describe("frontend", () => {
  let house: House;
  afterEach(() => house.stop());

  describe("when one variant of a task is loaded", () => {
    beforeEach(async () => {
      house = await startHouse({ e1: ["mlp@1"] });
    });

    it.each([TASK, "digit-classification", "mlp", "digits-mlp", "mlp@1"])(
      "answers a query for %s with tensors and receipt",
      async (name) => {
        const response = await house.inference.modelInfer(inferRequest(name));
        expect(response).toMatchObject({ modelName: name, modelVersion: "1", id: "q-1" });
        expect(response.outputs.map((o) => [o.name, o.datatype, o.shape])).toEqual([
          ["scores", "FP32", [1n, 2n]],
        ]);
        expect(response.rawOutputContents[0]).toEqual(new Uint8Array(ANSWER_VALUES.buffer));
        expect(parametersOf(response)).toMatchObject({
          variant: "mlp@1",
          architecture: "mlp",
          executor: "e1",
          accuracy: 0.9,
          accuracy_dataset: "uci-digits",
          queue_ms: 0.5,
          compute_ms: 0.75,
          batch_size: 1,
          downgraded: false,
          cold: false,
        });
      },
    );

    it("passes the request on untouched, with the time that is left and the lane", async () => {
      await house.inference.modelInfer(inferRequest(TASK, { slo_latency_ms: 5_000, priority: 1 }));
      const frame = house.executors[0]?.received[0];
      expect(frame).toMatchObject({ variant: "mlp@1", lane: 0 });
      expect(frame?.timeoutMs).toBeGreaterThan(0);
      expect(frame?.timeoutMs).toBeLessThanOrEqual(5_000);
    });

    it("takes the deadline of the call when it is shorter than the objective", async () => {
      await house.inference.modelInfer(inferRequest(TASK, { slo_latency_ms: 5_000 }), { timeoutMs: 800 });
      expect(house.executors[0]?.received[0]?.timeoutMs).toBeLessThanOrEqual(800);
    });

    it("reads requirements from request metadata", async () => {
      const error = await refusalOf(
        house.inference.modelInfer(inferRequest(TASK), { metadata: { "slo-min-accuracy": "0.99" } }),
      );
      expect(error.code).toBe(Code.FAILED_PRECONDITION);
    });

    it("refuses a misspelt requirement in metadata", async () => {
      const metadata = { "slo-min-acuracy": "0.1" };
      const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK), { metadata }));
      expect([error.code, error.message]).toEqual([
        Code.INVALID_ARGUMENT,
        "slo-min-acuracy is no requirement; known: slo-latency-ms, slo-min-accuracy, slo-max-cost",
      ]);
    });

    it.each<[string, NonNullable<InferParameter["parameterChoice"]>, string]>([
      ["text", { case: "stringParam", value: "5" }, "is a string_param; allowed: int64_param"],
      ["a double", { case: "doubleParam", value: 5 }, "is a double_param; allowed: int64_param"],
      ["nothing", { case: undefined }, "has no value; allowed: int64_param"],
    ])("refuses a timeout that is %s", async (_what, parameterChoice, sentence) => {
      const request = { ...inferRequest(TASK), parameters: { timeout: { parameterChoice } } };
      const error = await refusalOf(house.inference.modelInfer(request));
      expect([error.code, error.message]).toEqual([Code.INVALID_ARGUMENT, `parameter 'timeout' ${sentence}`]);
    });

    it("refuses a parameter of its own without a value", async () => {
      const request = { ...inferRequest(TASK), parameters: { mine: {} } };
      const error = await refusalOf(house.inference.modelInfer(request));
      expect([error.code, error.message]).toEqual([
        Code.INVALID_ARGUMENT,
        expect.stringContaining("parameter 'mine' has no value"),
      ]);
    });

    it("returns the explanation when asked", async () => {
      const response = await house.inference.modelInfer(inferRequest(TASK, { explain: true }));
      const explanation = JSON.parse(String(parametersOf(response).explanation));
      expect(explanation.candidates[0]).toMatchObject({ variant: "mlp@1", verdict: "VERDICT_SELECTED" });
    });

    it("refuses an unknown name, naming what is registered", async () => {
      const error = await refusalOf(house.inference.modelInfer(inferRequest("cats")));
      expect([error.code, error.message]).toEqual([
        Code.NOT_FOUND,
        `Request for unknown model: 'cats' is not found; tasks registered: ${TASK}`,
      ]);
    });

    it("refuses a wrong requirement, naming the allowed range", async () => {
      const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK, { slo_min_accuracy: 7 })));
      expect([error.code, error.message]).toEqual([
        Code.INVALID_ARGUMENT,
        "slo_min_accuracy is 7; allowed: a number from 0 to 1",
      ]);
    });

    it.each([0, 9, 1_048_576])("sends %i rows on, whatever the largest batch is", async (rows) => {
      const request = inferRequest(TASK);
      const inputs = [{ ...request.inputs[0]!, shape: [BigInt(rows), 4n] }];
      await house.inference.modelInfer({ ...request, inputs });
      expect(house.executors[0]?.received).toHaveLength(1);
    });

    it("refuses more rows than one request may have", async () => {
      const request = inferRequest(TASK);
      const inputs = [{ ...request.inputs[0]!, shape: [1_048_577n, 4n] }];
      const error = await refusalOf(house.inference.modelInfer({ ...request, inputs }));
      expect(error.code).toBe(Code.INVALID_ARGUMENT);
      expect(error.message).toContain("1048577 rows came in one request, at most 1048576 are taken");
    });

    it("refuses what no variant can do with priced offers in the details", async () => {
      const error = await refusalOf(
        house.inference.modelInfer(inferRequest(TASK, { slo_min_accuracy: 0.99, slo_latency_ms: 1_000 })),
      );
      expect(error.code).toBe(Code.FAILED_PRECONDITION);
      const detail = error.details.find((d) => d.typeName === RefusalSchema.typeName);
      const refusal = fromBinary(RefusalSchema, detail?.value ?? new Uint8Array());
      expect(refusal.offers[0]).toMatchObject({ relax: "accuracy", variant: "mlp@1", accuracy: 0.9 });
      expect(refusal.offers[0]?.costUsd).toBeGreaterThan(0);
    });

    it("refuses an objective shorter than the way to the decision with an offer, not as merely late", async () => {
      const error = await refusalOf(
        house.inference.modelInfer(inferRequest(TASK, { slo_latency_ms: 0.0001 })),
      );
      expect(error.code).toBe(Code.FAILED_PRECONDITION);
      const detail = error.details.find((d) => d.typeName === RefusalSchema.typeName);
      expect(fromBinary(RefusalSchema, detail?.value ?? new Uint8Array()).offers[0]?.relax).toBe("latency");
    });

    it("passes an executor's refusal on with its code and sentence", async () => {
      house.executors[0]!.behaviour = (_f, reply) =>
        reply.refuse(Code.DEADLINE_EXCEEDED, "too late in the queue");
      const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK)));
      expect([error.code, error.message]).toEqual([Code.DEADLINE_EXCEEDED, "too late in the queue"]);
      expect(house.executors[0]?.received).toHaveLength(1);
    });

    it("tells the executor when the caller gives up", async () => {
      house.executors[0]!.behaviour = () => undefined;
      const caller = new AbortController();
      const call = refusalOf(house.inference.modelInfer(inferRequest(TASK), { signal: caller.signal }));
      await until(() => house.executors[0]!.received.length === 1);
      caller.abort();
      await until(() => house.executors[0]!.cancelled.length === 1);
      expect((await call).code).toBe(Code.CANCELLED);
      const { modelStats } = await house.inference.modelStatistics({ name: TASK });
      expect(modelStats[0]?.inferenceStats?.fail?.count).toBe(1n);
    });

    it("ends a query whose executor hangs with DEADLINE_EXCEEDED", async () => {
      house.executors[0]!.behaviour = () => undefined;
      const error = await refusalOf(house.inference.modelInfer(inferRequest(TASK, { slo_latency_ms: 50 })));
      expect(error.code).toBe(Code.DEADLINE_EXCEEDED);
      await until(() => house.executors[0]!.cancelled.length === 1);
    });

    it("counts every query exactly", async () => {
      for (let i = 0; i < 5; i++) await house.inference.modelInfer(inferRequest(TASK));
      await refusalOf(house.inference.modelInfer(inferRequest(TASK, { slo_min_accuracy: 0.99 })));
      const { modelStats } = await house.inference.modelStatistics({ name: TASK });
      expect(modelStats[0]).toMatchObject({
        name: TASK,
        version: "1",
        inferenceCount: 5n,
        executionCount: 5n,
      });
      expect(modelStats[0]?.inferenceStats?.success?.count).toBe(5n);
      expect(modelStats[0]?.inferenceStats?.fail?.count).toBe(1n);
      expect(modelStats[0]?.inferenceStats?.queue).toMatchObject({ count: 5n, ns: 2_500_000n });
      const catalog = createRpcClient(CatalogService, house.frontend.address);
      const status = await catalog.getStatus({});
      catalog.close();
      expect(status).toMatchObject({ queriesAnswered: 5n, queriesRefused: 1n });
      expect(status.instances).toMatchObject([{ variant: "mlp@1", loadMs: 250 }]);
    });

    it("answers infaas.v1 through the same way, with a typed receipt", async () => {
      const inference = createRpcClient(InferenceService, house.frontend.address);
      const { inputs, rawInputContents } = inferRequest(TASK);
      const response = await inference.query({
        target: TASK,
        slo: { minAccuracy: 0.5 },
        inputs,
        rawInputContents,
        id: "t-1",
        explain: true,
      });
      inference.close();
      expect(response.rawOutputContents[0]).toEqual(new Uint8Array(ANSWER_VALUES.buffer));
      expect(response.receipt).toMatchObject({
        variant: "mlp@1",
        executor: "e1",
        minAccuracy: 0.5,
        queueMs: 0.5,
        downgraded: false,
      });
      expect(response.explanation?.candidates[0]?.variant).toBe("mlp@1");
    });

    it("explains without running anything", async () => {
      const inference = createRpcClient(InferenceService, house.frontend.address);
      const chosen = await inference.explain({ target: TASK, slo: { latencyMs: 100 } });
      const refused = await inference.explain({ target: TASK, slo: { minAccuracy: 0.99 } });
      inference.close();
      expect(chosen).toMatchObject({ variant: "mlp@1", executor: "e1" });
      expect(refused).toMatchObject({ variant: "", executor: "" });
      expect(refused.refusal?.offers).toHaveLength(1);
      expect(house.executors[0]?.received).toHaveLength(0);
    });

    it("goes on from its snapshot while metadata is away, and says how old it is", async () => {
      await house.metadata.stop();
      await until(() => house.frontend.view.ageMs > IDLE_AGE_MAX_MS);
      const response = await house.inference.modelInfer(inferRequest(TASK));
      expect(parametersOf(response).variant).toBe("mlp@1");
      const catalog = createRpcClient(CatalogService, house.frontend.address);
      expect((await catalog.getStatus({})).snapshotAgeMs).toBeGreaterThan(IDLE_AGE_MAX_MS);
      await house.metadata.start();
      await until(() => house.frontend.view.ageMs < 100);
      catalog.close();
    });

    it("stays young though nothing changes: any answer of metadata counts while its watch stands", async () => {
      const { view } = house.frontend;
      await until(() => view.leader !== "");
      const { revision } = view;
      await until(() => view.ageMs > 100);
      await until(() => view.ageMs < 50);
      expect(view.revision).toBe(revision);
    });
  });

  describe("when variants trade accuracy for speed", () => {
    const variants = [
      { name: "fast", accuracy: 0.8, latencyMs: 0.5 },
      { name: "good", accuracy: 0.95, latencyMs: 4_000 },
    ];

    it("chooses by what is asked", async () => {
      house = await startHouse({ e1: ["fast", "good"] }, variants);
      const chosen = async (needs: Record<string, number | string>) =>
        parametersOf(await house.inference.modelInfer(inferRequest(TASK, needs))).variant;
      expect(await chosen({})).toBe("fast");
      expect(await chosen({ slo_min_accuracy: 0.9 })).toBe("good");
      expect(await chosen({ objective: "max-accuracy" })).toBe("good");
      expect(await chosen({ objective: "max-accuracy", slo_latency_ms: 3_000 })).toBe("fast");
      const error = await refusalOf(
        house.inference.modelInfer(inferRequest(TASK, { slo_min_accuracy: 0.9, slo_latency_ms: 2_000 })),
      );
      expect([error.code, error.message]).toEqual([
        Code.FAILED_PRECONDITION,
        expect.stringContaining("2000 ms was asked for, the fastest that is accurate enough takes 4"),
      ]);
    });

    it.each(["native", "grpc"])("takes requirements out of the name over the %s ingress", async (ingress) => {
      house = await startHouse({ e1: ["fast", "good"] }, variants, ["--ingress", ingress]);
      const chosen = async (name: string) => {
        const response = await house.inference.modelInfer(inferRequest(name));
        expect(response.modelName).toBe(name);
        return parametersOf(response).variant;
      };
      expect(await chosen(`${TASK}:cheap`)).toBe("fast");
      expect(await chosen(`${TASK}:fast`)).toBe("fast");
      expect(await chosen("mlp:best")).toBe("good");
      expect(await chosen("digit-classification@accuracy=0.9")).toBe("good");
      expect(await chosen("digits-mlp:best@latency=3000")).toBe("fast");
      const error = await refusalOf(house.inference.modelInfer(inferRequest("mlp@accuracy=2")));
      expect(error.code).toBe(Code.INVALID_ARGUMENT);
      const { outputs } = await new HttpCaller(house).infer({}, {}, "mlp%3Abest").then(({ json }) => json);
      expect(outputs).toHaveLength(1);
      const typed = createRpcClient(InferenceService, house.frontend.address);
      const query = {
        target: "mlp:best",
        inputs: inferRequest("").inputs,
        rawInputContents: [new Uint8Array(16)],
      };
      expect((await typed.query(query)).receipt?.variant).toBe("good");
      expect((await typed.explain({ target: "mlp:best" })).variant).toBe("good");
      typed.close();
    });

    it.each(["native", "grpc"])(
      "sends deterministic queries alone, always to one variant, over the %s ingress",
      async (ingress) => {
        house = await startHouse({ e1: ["fast", "good"] }, variants, ["--ingress", ingress]);
        const { inference } = house;
        const ask = async (asked: Promise<unknown>) => {
          await asked;
          const frame = house.executors[0]?.received.at(-1);
          return [frame?.variant, (frame?.lane ?? 0) & LANE_ALONE];
        };
        expect(await ask(inference.modelInfer(inferRequest(TASK)))).toEqual(["fast", 0]);
        const stated = inferRequest(TASK, { deterministic: true, objective: "max-accuracy" });
        expect(await ask(inference.modelInfer(stated))).toEqual(["good", LANE_ALONE]);
        const metadata = { deterministic: "true" };
        expect(await ask(inference.modelInfer(inferRequest(TASK), { metadata }))).toEqual([
          "fast",
          LANE_ALONE,
        ]);
        const named = `${TASK}:best@deterministic`;
        expect(await ask(inference.modelInfer(inferRequest(named)))).toEqual(["good", LANE_ALONE]);
        expect(await ask(new HttpCaller(house).infer({}, { deterministic: "true" }, "mlp"))).toEqual([
          "fast",
          LANE_ALONE,
        ]);
        const typed = createRpcClient(InferenceService, house.frontend.address);
        const { inputs } = inferRequest("");
        const query = {
          target: TASK,
          inputs,
          rawInputContents: [new Uint8Array(16)],
          slo: { deterministic: true },
        };
        expect(await ask(typed.query(query))).toEqual(["fast", LANE_ALONE]);
        typed.close();
      },
    );

    it("ends a deadline that cannot be met as one, with offers in the details", async () => {
      house = await startHouse({ e1: ["fast", "good"] }, variants);
      const request = inferRequest(TASK, { slo_min_accuracy: 0.9 });
      const error = await refusalOf(house.inference.modelInfer(request, { timeoutMs: 2_000 }));
      expect([error.code, error.message]).toEqual([
        Code.DEADLINE_EXCEEDED,
        expect.stringMatching(/the deadline leaves \d+ ms, the fastest that is accurate enough takes 4/),
      ]);
      const detail = error.details.find((d) => d.typeName === RefusalSchema.typeName);
      const refusal = fromBinary(RefusalSchema, detail?.value ?? new Uint8Array());
      expect(refusal.offers.map((offer) => offer.relax)).toContain("accuracy");
    });
  });
});
