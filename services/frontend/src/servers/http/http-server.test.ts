import type { OutgoingHttpHeaders } from "node:http";
import { fromBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema } from "@infaas/api";
import { type House, startHouse, TASK } from "../../testing/house";
import { errorOf, type HttpAnswer, HttpCaller, row } from "../../testing/http-client";
import { ANSWER_VALUES } from "../../testing/scripted-executor";

jest.setTimeout(30_000);

let house: House;
let http: HttpCaller;
beforeAll(async () => {
  house = await startHouse({ e1: ["mlp@1"] });
  http = new HttpCaller(house);
});
afterAll(() => house.stop());

/** A body of the binary extension: JSON, then these bytes. */
function binaryBody(json: unknown, bytes: Buffer): { body: Buffer; headers: OutgoingHttpHeaders } {
  const head = Buffer.from(JSON.stringify(json));
  return {
    body: Buffer.concat([head, bytes]),
    headers: { "Inference-Header-Content-Length": head.byteLength },
  };
}

describe("HTTP face", () => {
  describe("when it is asked for metadata", () => {
    it("says what it is, that it lives and that it is ready", async () => {
      expect((await http.ask("/v2")).json).toMatchObject({ name: "infaas", extensions: expect.any(Array) });
      expect(await http.ask("/v2/health/live")).toMatchObject({ status: 200, json: { live: true } });
      expect(await http.ask("/v2/health/ready")).toMatchObject({ status: 200, json: { ready: true } });
    });

    it.each(["digit-classification/uci-digits", "digit-classification%2Fuci-digits", "mlp", "mlp@1"])(
      "describes %s, whether its slash is encoded or not",
      async (name) => {
        const shown = decodeURIComponent(name);
        expect((await http.ask(`/v2/models/${name}`)).json).toMatchObject({
          name: shown,
          versions: ["1"],
          platform: expect.any(String),
          inputs: [{ name: "pixels", datatype: "FP32", shape: [-1, 4] }],
          outputs: [{ name: "scores", datatype: "FP32", shape: [-1, 2] }],
        });
        expect((await http.ask(`/v2/models/${name}/versions/1`)).json).toMatchObject({ name: shown });
        expect((await http.ask(`/v2/models/${name}/ready`)).status).toBe(200);
        expect((await http.ask(`/v2/models/${name}/versions/1/ready`)).status).toBe(200);
      },
    );

    it("shows a config with numbers as numbers and enums by name", async () => {
      expect((await http.ask("/v2/models/mlp/config")).json).toMatchObject({
        name: "mlp",
        max_batch_size: 8,
        input: [{ name: "pixels", data_type: "TYPE_FP32", dims: [4] }],
        dynamic_batching: { priority_levels: expect.any(Number) },
      });
    });

    it("counts in statistics what it answered", async () => {
      const before = await statisticsOf("mlp");
      await http.infer();
      const after = await statisticsOf("mlp");
      expect(after.inference_count).toBe(Number(before.inference_count) + 1);
      expect(after.inference_stats).toMatchObject({ success: { count: expect.any(Number) } });
      const all = (await http.ask("/v2/models/stats")).json.model_stats as { name: string }[];
      expect(all.map((m) => m.name)).toEqual(expect.arrayContaining([TASK, "mlp", "mlp@1"]));
    });

    it("shows Prometheus the same counts under Triton's names", async () => {
      const before = await http.ask("/metrics");
      await http.infer();
      await http.infer({}, {}, "cats");
      await http.infer({ parameters: { slo_min_accuracy: 1 } }, {}, "mlp@1");
      const after = await http.ask("/metrics");
      expect(after.headers["content-type"]).toContain("text/plain; version=0.0.4");
      const labels = 'model="mlp@1",version="1"';
      const grown = (name: string) => metricOf(after, name) - metricOf(before, name);
      expect(grown(`nv_inference_request_success{${labels}}`)).toBe(1);
      expect(grown(`nv_inference_count{${labels}}`)).toBe(1);
      expect(grown(`nv_inference_exec_count{${labels}}`)).toBe(1);
      expect(grown(`nv_inference_compute_infer_duration_us{${labels}}`)).toBe(750);
      expect(grown(`nv_inference_request_failure{${labels},reason="REJECTED"}`)).toBe(1);
      expect(grown(`nv_inference_request_failure{${labels},reason="OTHER"}`)).toBe(0);
      expect(grown('nv_inference_request_failure{model="_OTHER",reason="OTHER"}')).toBe(1);
    });

    it("shows what is pending, what loading took, and how its host is", async () => {
      const [executor] = house.executors;
      if (executor === undefined) throw new Error("no executor");
      const answer = new Promise<() => void>((resolve) => {
        executor.behaviour = (_frame, reply) => resolve(() => reply.answer());
      });
      const asked = http.infer({}, {}, TASK);
      const answerNow = await answer;
      const during = await http.ask("/metrics");
      answerNow();
      await asked;
      executor.behaviour = (_frame, reply) => reply.answer();
      const pending = `nv_inference_pending_request_count{model="${TASK}",version="1"}`;
      expect(metricOf(during, pending)).toBe(1);
      expect(metricOf(during, 'nv_model_load_duration_secs{model="mlp@1",version="1"}')).toBe(0.25);
      const total = metricOf(during, "nv_cpu_memory_total_bytes");
      expect(metricOf(during, "nv_cpu_memory_used_bytes")).toBeLessThan(total);
      expect(metricOf(during, "nv_cpu_utilization")).toBeLessThanOrEqual(1);
      expect(during.body.toString()).not.toContain("nv_gpu");
    });

    it("lists the repository as a bare list", async () => {
      const { body } = await http.ask("/v2/repository/index", "");
      const index = JSON.parse(body.toString());
      expect(index).toContainEqual({ name: "mlp", version: "1", state: "READY", reason: "" });
    });
  });

  describe("when it is queried in JSON", () => {
    it.each([TASK, "digit-classification", "mlp", "mlp@1", "mlp/versions/1"])(
      "answers %s in JSON, with the receipt",
      async (name) => {
        const answer = await http.infer({}, {}, name);
        expect(answer.status).toBe(200);
        expect(answer.json).toMatchObject({
          id: "q-1",
          model_name: name.replace("/versions/1", ""),
          model_version: "1",
          parameters: { variant: "mlp@1", executor: "e1", batch_size: 1, downgraded: false },
          outputs: [{ name: "scores", datatype: "FP32", shape: [1, 2], data: [0.25, 0.75] }],
        });
      },
    );

    it("sends the tensor on as raw bytes", async () => {
      const received = house.executors[0]?.received ?? [];
      const seen = received.length;
      await http.infer();
      const body = Buffer.from(received[seen]?.body ?? []);
      expect(body.includes(Buffer.from(new Float32Array([0, 0.25, 0.5, 1]).buffer))).toBe(true);
    });

    it("reads requirements from parameters and from headers", async () => {
      const impossible = "no variant of 'digit-classification/uci-digits' can do this";
      expect(errorOf(await http.infer({ parameters: { slo_min_accuracy: 0.99 } }))).toContain(impossible);
      expect(errorOf(await http.infer({}, { "slo-min-accuracy": "0.99" }))).toContain(impossible);
      expect(
        (await http.infer({ parameters: { slo_latency_ms: 5_000, objective: "max-accuracy" } })).status,
      ).toBe(200);
    });

    it("returns the explanation when asked", async () => {
      const { json } = await http.infer({ parameters: { explain: true } });
      const { explanation } = json.parameters as { explanation: string };
      expect(JSON.parse(explanation).candidates[0]).toMatchObject({ variant: "mlp@1" });
    });
  });

  describe("when tensors are binary", () => {
    const pixels = Buffer.from(new Float32Array([0, 0.25, 0.5, 1]).buffer);
    const input = { ...row, data: undefined, parameters: { binary_data_size: pixels.byteLength } };

    it("takes them behind the JSON and answers so when told", async () => {
      const { body, headers } = binaryBody(
        { inputs: [input], outputs: [{ name: "scores", parameters: { binary_data: true } }] },
        pixels,
      );
      const answer = await http.ask(`/v2/models/${TASK}/infer`, body, headers);
      const length = Number(answer.headers["inference-header-content-length"]);
      expect(answer.headers["content-type"]).toBe("application/octet-stream");
      expect(JSON.parse(answer.body.subarray(0, length).toString()).outputs).toEqual([
        { name: "scores", datatype: "FP32", shape: [1, 2], parameters: { binary_data_size: 8 } },
      ]);
      expect(answer.body.subarray(length)).toEqual(Buffer.from(ANSWER_VALUES.buffer));
    });

    it.each([
      ["announced", {}],
      ["in chunks", { "transfer-encoding": "chunked" }],
    ])("sends large ones on as they came, %s", async (_, form) => {
      const contents = [16, 100_000, 3_000_000].map((length, i) => Buffer.alloc(length, i + 1));
      const inputs = contents.map(({ byteLength }, i) => ({
        ...input,
        name: `pixels-${i}`,
        parameters: { binary_data_size: byteLength },
      }));
      const { body, headers } = binaryBody({ inputs }, Buffer.concat(contents));
      const received = house.executors[0]?.received ?? [];
      const seen = received.length;
      const answer = await http.ask(`/v2/models/${TASK}/infer`, body, { ...headers, ...form });
      expect(answer.status).toBe(200);
      const request = fromBinary(ModelInferRequestSchema, received[seen]?.body ?? new Uint8Array());
      expect(request.inputs.map(({ name }) => name)).toEqual(inputs.map(({ name }) => name));
      expect(request.rawInputContents.map((each, i) => contents[i]?.equals(each))).toEqual([
        true,
        true,
        true,
      ]);
    });

    it("answers all outputs so by binary_data_output", async () => {
      const answer = await http.infer({ parameters: { binary_data_output: true } });
      expect(answer.body.subarray(-8)).toEqual(Buffer.from(ANSWER_VALUES.buffer));
    });

    it.each([
      [
        { binary_data_size: 20 },
        0,
        "input 'pixels': binary_data_size is 20, 16 bytes are left behind the JSON",
      ],
      [{ binary_data_size: 8 }, 0, "16 bytes came behind the JSON, its inputs take 8"],
      [{ binary_data_size: -1 }, 0, "binary_data_size must be a whole number from 0"],
      [{ binary_data_size: 16 }, 1_000, "the whole body has"],
    ])("refuses sizes that do not fit: %p", async (parameters, beyond, sentence) => {
      const { body, headers } = binaryBody({ inputs: [{ ...input, parameters }] }, pixels);
      const length = Number(headers["Inference-Header-Content-Length"]) + beyond;
      const answer = await http.ask(`/v2/models/${TASK}/infer`, body, {
        "Inference-Header-Content-Length": length,
      });
      expect([answer.status, errorOf(answer)]).toEqual([400, expect.stringContaining(sentence)]);
    });
  });

  describe("when a body has no JSON", () => {
    const headers = { "Inference-Header-Content-Length": 0 };
    const rows = (count: number) => Buffer.from(new Float32Array(4 * count).buffer);

    it("takes it as the data of the model's one input, with as many rows as it holds", async () => {
      const received = house.executors[0]?.received ?? [];
      const seen = received.length;
      const answer = await http.ask(`/v2/models/${TASK}/infer`, rows(3), headers);
      expect(answer.json).toMatchObject({ outputs: [{ name: "scores", data: [0.25, 0.75] }] });
      const request = fromBinary(ModelInferRequestSchema, received[seen]?.body ?? new Uint8Array());
      expect(request.inputs[0]).toMatchObject({ name: "pixels", datatype: "FP32", shape: [3n, 4n] });
    });

    it("reads requirements from headers", async () => {
      const answer = await http.ask(`/v2/models/${TASK}/infer`, rows(1), {
        ...headers,
        "slo-min-accuracy": "0.99",
      });
      expect(errorOf(answer)).toContain("no variant of");
    });

    it.each([
      [Buffer.alloc(17), "17 bytes are no whole number of FP32 elements of 4"],
      [Buffer.alloc(20), "the shape of 5 elements does not follow from [-1, 4]"],
    ])("refuses what is no whole number of rows", async (body, sentence) => {
      const answer = await http.ask(`/v2/models/${TASK}/infer`, body, headers);
      expect([answer.status, errorOf(answer)]).toEqual([400, expect.stringContaining(sentence)]);
    });
  });
});

/** A sample's value; 0 where it is absent. */
function metricOf({ body }: HttpAnswer, sample: string): number {
  const line = body
    .toString()
    .split("\n")
    .find((l) => l.startsWith(`${sample} `));
  return Number(line?.slice(sample.length) ?? 0);
}

async function statisticsOf(name: string): Promise<Record<string, unknown>> {
  const { json } = await http.ask(`/v2/models/${name}/stats`);
  return (json.model_stats as Record<string, unknown>[])[0] ?? {};
}
