import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema, userMethodRole } from "@infaas/api";
import {
  createLogger,
  loadSecurity,
  readConfig,
  type Security,
  systemClock,
  tokenDigest,
} from "@infaas/runtime";
import { frontendOptions } from "../config";
import { ANSWER_VALUES, type Reply as ScriptedReply } from "../fixture-executor";
import { type House, startHouse, TASK, until } from "../fixture-house";
import { JSON_BYTES_MAX } from "./json-body";
import { BODY_BYTES_MAX } from "./request-body";

jest.setTimeout(30_000);

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly json: Record<string, unknown>;
}

let house: House;

/** Asks the house over a real socket; a `body` makes it a POST. */
function ask(path: string, body?: string | Buffer, headers: OutgoingHttpHeaders = {}, method?: string) {
  const [host, port] = (house.frontend.httpAddress ?? "").split(":");
  return new Promise<Answer>((resolve, reject) => {
    const verb = method ?? (body === undefined ? "GET" : "POST");
    const sent = httpRequest({ host, port, path, headers, method: verb }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => {
        const whole = Buffer.concat(chunks);
        const isJson = response.headers["content-type"] === "application/json";
        const plain = response.headers["content-encoding"] === undefined;
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: whole,
          json: isJson && plain && whole.length > 0 ? JSON.parse(whole.toString()) : {},
        });
      });
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

const row = { name: "pixels", shape: [1, 4], datatype: "FP32", data: [[0, 0.25, 0.5, 1]] };

function inferBody(more: Record<string, unknown> = {}): string {
  return JSON.stringify({ id: "q-1", inputs: [row], ...more });
}

function infer(more: Record<string, unknown> = {}, headers: OutgoingHttpHeaders = {}, name: string = TASK) {
  return ask(`/v2/models/${name}/infer`, inferBody(more), headers);
}

/** A body of the binary extension: JSON, then these bytes. */
function binaryBody(json: unknown, bytes: Buffer): { body: Buffer; headers: OutgoingHttpHeaders } {
  const head = Buffer.from(JSON.stringify(json));
  return {
    body: Buffer.concat([head, bytes]),
    headers: { "Inference-Header-Content-Length": head.byteLength },
  };
}

function errorOf({ json }: Answer): string {
  return String(json.error);
}

beforeAll(async () => {
  house = await startHouse({ e1: ["mlp@1"] });
});
afterAll(() => house.stop());

describe("HTTP face", () => {
  describe("when it is asked for metadata", () => {
    it("says what it is, that it lives and that it is ready", async () => {
      expect((await ask("/v2")).json).toMatchObject({ name: "infaas", extensions: expect.any(Array) });
      expect(await ask("/v2/health/live")).toMatchObject({ status: 200, json: { live: true } });
      expect(await ask("/v2/health/ready")).toMatchObject({ status: 200, json: { ready: true } });
    });

    it.each(["digit-classification/uci-digits", "digit-classification%2Fuci-digits", "mlp", "mlp@1"])(
      "describes %s, whether its slash is encoded or not",
      async (name) => {
        const shown = decodeURIComponent(name);
        expect((await ask(`/v2/models/${name}`)).json).toMatchObject({
          name: shown,
          versions: ["1"],
          platform: expect.any(String),
          inputs: [{ name: "pixels", datatype: "FP32", shape: [-1, 4] }],
          outputs: [{ name: "scores", datatype: "FP32", shape: [-1, 2] }],
        });
        expect((await ask(`/v2/models/${name}/versions/1`)).json).toMatchObject({ name: shown });
        expect((await ask(`/v2/models/${name}/ready`)).status).toBe(200);
        expect((await ask(`/v2/models/${name}/versions/1/ready`)).status).toBe(200);
      },
    );

    it("shows a config with numbers as numbers and enums by name", async () => {
      expect((await ask("/v2/models/mlp/config")).json).toMatchObject({
        name: "mlp",
        max_batch_size: 8,
        input: [{ name: "pixels", data_type: "TYPE_FP32", dims: [4] }],
        dynamic_batching: { priority_levels: expect.any(Number) },
      });
    });

    it("counts in statistics what it answered", async () => {
      const before = await statisticsOf("mlp");
      await infer();
      const after = await statisticsOf("mlp");
      expect(after.inference_count).toBe(Number(before.inference_count) + 1);
      expect(after.inference_stats).toMatchObject({ success: { count: expect.any(Number) } });
      const all = (await ask("/v2/models/stats")).json.model_stats as { name: string }[];
      expect(all.map((m) => m.name)).toEqual(expect.arrayContaining([TASK, "mlp", "mlp@1"]));
    });

    it("shows Prometheus the same counts under Triton's names", async () => {
      const before = await ask("/metrics");
      await infer();
      await infer({}, {}, "cats");
      const after = await ask("/metrics");
      expect(after.headers["content-type"]).toContain("text/plain; version=0.0.4");
      const success = 'nv_inference_request_success{model="mlp@1",version="1"}';
      expect(metricOf(after, success) - metricOf(before, success)).toBe(1);
      expect(metricOf(after, 'nv_inference_request_failure{model="",version=""}')).toBeGreaterThan(0);
    });

    it("lists the repository as a bare list", async () => {
      const { body } = await ask("/v2/repository/index", "");
      const index = JSON.parse(body.toString());
      expect(index).toContainEqual({ name: "mlp", version: "1", state: "READY", reason: "" });
    });
  });

  describe("when it is queried in JSON", () => {
    it.each([TASK, "digit-classification", "mlp", "mlp@1", "mlp/versions/1"])(
      "answers %s in JSON, with the receipt",
      async (name) => {
        const answer = await infer({}, {}, name);
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
      await infer();
      const body = Buffer.from(received[seen]?.body ?? []);
      expect(body.includes(Buffer.from(new Float32Array([0, 0.25, 0.5, 1]).buffer))).toBe(true);
    });

    it("reads requirements from parameters and from headers", async () => {
      const impossible = "no variant of 'digit-classification/uci-digits' can do this";
      expect(errorOf(await infer({ parameters: { slo_min_accuracy: 0.99 } }))).toContain(impossible);
      expect(errorOf(await infer({}, { "slo-min-accuracy": "0.99" }))).toContain(impossible);
      expect((await infer({ parameters: { slo_latency_ms: 5_000, objective: "max-accuracy" } })).status).toBe(
        200,
      );
    });

    it("returns the explanation when asked", async () => {
      const { json } = await infer({ parameters: { explain: true } });
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
      const answer = await ask(`/v2/models/${TASK}/infer`, body, headers);
      const length = Number(answer.headers["inference-header-content-length"]);
      expect(answer.headers["content-type"]).toBe("application/octet-stream");
      expect(JSON.parse(answer.body.subarray(0, length).toString()).outputs).toEqual([
        { name: "scores", datatype: "FP32", shape: [1, 2], parameters: { binary_data_size: 8 } },
      ]);
      expect(answer.body.subarray(length)).toEqual(Buffer.from(ANSWER_VALUES.buffer));
    });

    it("answers all outputs so by binary_data_output", async () => {
      const answer = await infer({ parameters: { binary_data_output: true } });
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
      const answer = await ask(`/v2/models/${TASK}/infer`, body, {
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
      const answer = await ask(`/v2/models/${TASK}/infer`, rows(3), headers);
      expect(answer.json).toMatchObject({ outputs: [{ name: "scores", data: [0.25, 0.75] }] });
      const request = fromBinary(ModelInferRequestSchema, received[seen]?.body ?? new Uint8Array());
      expect(request.inputs[0]).toMatchObject({ name: "pixels", datatype: "FP32", shape: [3n, 4n] });
    });

    it("reads requirements from headers", async () => {
      const answer = await ask(`/v2/models/${TASK}/infer`, rows(1), {
        ...headers,
        "slo-min-accuracy": "0.99",
      });
      expect(errorOf(answer)).toContain("no variant of");
    });

    it.each([
      [Buffer.alloc(17), "17 bytes are no whole number of FP32 elements of 4"],
      [Buffer.alloc(20), "the shape of 5 elements does not follow from [-1, 4]"],
    ])("refuses what is no whole number of rows", async (body, sentence) => {
      const answer = await ask(`/v2/models/${TASK}/infer`, body, headers);
      expect([answer.status, errorOf(answer)]).toEqual([400, expect.stringContaining(sentence)]);
    });
  });

  describe("when bodies are compressed", () => {
    it.each([
      ["gzip", gzipSync, gunzipSync],
      ["deflate", deflateSync, inflateSync],
    ] as const)("takes and gives %s", async (encoding, pack, unpack) => {
      const headers = { "content-encoding": encoding, "accept-encoding": encoding };
      const answer = await ask(`/v2/models/${TASK}/infer`, pack(inferBody()), headers);
      expect(answer.headers["content-encoding"]).toBe(encoding);
      expect(JSON.parse(unpack(answer.body).toString())).toMatchObject({ id: "q-1" });
    });

    it("gives none that is forbidden", async () => {
      const { headers } = await infer({}, { "accept-encoding": "gzip;q=0, br" });
      expect(headers["content-encoding"]).toBeUndefined();
    });

    it("refuses a body that swells beyond the bound", async () => {
      const bomb = gzipSync(Buffer.alloc(BODY_BYTES_MAX + 1));
      const answer = await ask(`/v2/models/${TASK}/infer`, bomb, { "content-encoding": "gzip" });
      expect([answer.status, errorOf(answer)]).toEqual([
        413,
        expect.stringContaining(`${BODY_BYTES_MAX} bytes`),
      ]);
    });

    it("refuses what is not compressed as it says, and encodings it does not know", async () => {
      const wrong = await ask(`/v2/models/${TASK}/infer`, inferBody(), { "content-encoding": "gzip" });
      expect([wrong.status, errorOf(wrong)]).toEqual([
        400,
        expect.stringContaining("cannot be decompressed"),
      ]);
      const unknown = await ask(`/v2/models/${TASK}/infer`, inferBody(), { "content-encoding": "br" });
      expect([unknown.status, unknown.headers["accept-encoding"]]).toEqual([415, "gzip, deflate"]);
    });
  });

  describe("when it must refuse", () => {
    it.each([
      ["what is no JSON", "{", "request body is not JSON"],
      ["what is no object", "[1]", "request body must be a JSON object"],
      ["no inputs", "{}", "request has no inputs; 'digit-classification/uci-digits' takes: pixels"],
      ["inputs that are no list", '{"inputs": 1}', "inputs must be a list"],
      ["an input without name", '{"inputs": [{}]}', "inputs[0].name must be text"],
      [
        "an input without data",
        '{"inputs": [{"name": "pixels", "datatype": "FP32", "shape": [1, 4]}]}',
        "neither data",
      ],
      [
        "a negative dimension",
        '{"inputs": [{"name": "p", "datatype": "FP32", "shape": [-1]}]}',
        "whole number from 0",
      ],
      ["odd parameters", '{"parameters": {"a": []}}', "'a' must be text, a number, true or false"],
      [
        "a misspelt requirement",
        inferBody({ parameters: { slo_latency: 5 } }),
        "slo_latency is no requirement",
      ],
      [
        "too few elements",
        inferBody({ inputs: [{ ...row, data: [1] }] }),
        "data has 1 elements, shape [1, 4] takes 4",
      ],
    ])("refuses %s with 400 and a sentence", async (_what, body, sentence) => {
      const answer = await ask(`/v2/models/${TASK}/infer`, body);
      expect([answer.status, errorOf(answer)]).toEqual([400, expect.stringContaining(sentence)]);
    });

    it("says 404 for an unknown model and for an unknown path", async () => {
      const model = await infer({}, {}, "cats");
      expect([model.status, errorOf(model)]).toEqual([404, expect.stringContaining("unknown model: 'cats'")]);
      expect((await ask("/v2/models/cats")).status).toBe(404);
      expect((await ask("/favicon.ico")).status).toBe(404);
    });

    it("says 405 and what is allowed for a wrong verb", async () => {
      const answer = await ask("/v2/models/mlp/infer");
      expect([answer.status, answer.headers.allow]).toEqual([405, "POST"]);
      expect((await ask("/v2/health/live", "")).status).toBe(405);
    });

    it("refuses percent signs that encode nothing", async () => {
      expect((await ask("/v2/models/%zz")).status).toBe(400);
    });

    it("says what would be accepted, with offers, when no variant can do it", async () => {
      const { status, json } = await infer({ parameters: { slo_min_accuracy: 0.99 } });
      expect(status).toBe(400);
      expect(json.refusal).toMatchObject({
        offers: [{ relax: "accuracy", variant: "mlp@1", accuracy: 0.9 }],
      });
    });

    it.each([
      [8, 429],
      [4, 504],
      [14, 503],
      [13, 500],
    ] as const)("gives an executor's code %i as %i", async (code, status) => {
      const executor = house.executors[0];
      if (executor === undefined) throw new Error("no executor");
      executor.behaviour = (_frame, reply) => reply.refuse(code, "as scripted");
      const answer = await infer();
      executor.behaviour = (_frame, reply) => reply.answer();
      expect([answer.status, errorOf(answer)]).toEqual([status, expect.stringContaining("as scripted")]);
    });

    it("refuses JSON too long to read in one go, and points to binary data", async () => {
      const answer = await ask(`/v2/models/${TASK}/infer`, Buffer.alloc(JSON_BYTES_MAX + 1, " "));
      expect([answer.status, errorOf(answer)]).toEqual([
        413,
        expect.stringContaining("send tensors as binary data"),
      ]);
    });

    it("refuses a body that is announced too large before it comes", async () => {
      const answer = await rawAnswer(
        `POST /v2/models/mlp/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`,
      );
      expect(answer).toContain("413 Payload Too Large");
    });

    it("refuses heads beyond the bound", async () => {
      expect((await ask("/v2", undefined, { padding: "x".repeat(20_000) })).status).toBe(431);
    });
  });

  describe("when the caller goes away", () => {
    it("tells the executor", async () => {
      const executor = house.executors[0];
      if (executor === undefined) throw new Error("no executor");
      const seen = executor.received.length;
      const held: ScriptedReply[] = [];
      executor.behaviour = (_frame, reply) => held.push(reply);
      const [host, port] = (house.frontend.httpAddress ?? "").split(":");
      const sent = httpRequest({ host, port, method: "POST", path: "/v2/models/mlp/infer" });
      sent.once("error", () => undefined);
      sent.end(inferBody());
      await until(() => held.length === 1);
      sent.destroy();
      const id = executor.received[seen]?.id;
      await until(() => executor.cancelled.some((cancelled) => cancelled === id));
      executor.behaviour = (_frame, reply) => reply.answer();
    });
  });

  describe("when a web page asks", () => {
    it("refuses pages of other origins, before anything is done", async () => {
      const answer = await infer({}, { origin: "https://evil.example" });
      expect([answer.status, errorOf(answer)]).toEqual([
        403,
        expect.stringContaining("https://evil.example"),
      ]);
    });

    it("lets a page of its own address", async () => {
      expect((await infer({}, { origin: `http://${house.frontend.httpAddress}` })).status).toBe(200);
    });
  });
});

describe("HTTP face › when the page of an origin is allowed", () => {
  const origin = "https://console.example";
  let closed: House;

  beforeAll(async () => {
    closed = house;
    house = await startHouse({ e1: ["mlp@1"] }, undefined, ["--http-cors-origins", origin]);
  });
  afterAll(async () => {
    await house.stop();
    house = closed;
  });

  it("answers its preflight and lets it read answers and refusals", async () => {
    const asks = {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "slo-latency-ms",
    };
    const preflight = await ask("/v2/models/mlp/infer", undefined, asks, "OPTIONS");
    expect(preflight).toMatchObject({
      status: 204,
      headers: {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "slo-latency-ms",
      },
    });
    for (const name of ["mlp", "cats"]) {
      const { headers } = await infer({}, { origin }, name);
      expect(headers).toMatchObject({ "access-control-allow-origin": origin, vary: "origin" });
    }
  });

  it("refuses others all the same", async () => {
    expect((await infer({}, { origin: "https://evil.example" })).status).toBe(403);
  });
});

describe("HTTP face › when callers need tokens", () => {
  const folder = mkdtempSync(join(tmpdir(), "infaas-http-tokens-"));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const bearer = { authorization: "Bearer asks-only" };
  let closed: House;
  let security: Security;

  beforeAll(async () => {
    closed = house;
    const asking = { sha256: tokenDigest("asks-only"), tenant: "reader", roles: ["query"] };
    const options = [
      ["--tokens", file("tokens.json", JSON.stringify({ tokens: [asking] }))],
      ["--cluster-token-file", file("cluster", "c".repeat(32))],
    ].flat();
    const read = readConfig(frontendOptions, options, {});
    if (!read.ok) throw new Error(read.faults.join("; "));
    const world = { clock: systemClock, logger: createLogger({ service: "test", level: "error" }) };
    security = await loadSecurity(read.config, { ...world, requirementOf: userMethodRole });
    house = await startHouse({ e1: ["mlp@1"] }, undefined, [], security);
  });
  afterAll(async () => {
    await house.stop();
    security.close();
    house = closed;
    rmSync(folder, { recursive: true });
  });

  it("answers those who have the role, and probes without any", async () => {
    expect((await infer({}, bearer)).status).toBe(200);
    expect((await ask("/v2/models/mlp", undefined, bearer)).status).toBe(200);
    expect((await ask("/v2/health/live")).status).toBe(200);
  });

  it.each(["/v2/models/mlp/infer", "/v2/repository/index"])(
    "refuses a POST of %s without a token",
    async (path) => {
      const answer = await ask(path, "not even JSON");
      expect([answer.status, answer.headers["www-authenticate"]]).toEqual([401, "Bearer"]);
      expect(errorOf(answer)).toContain("needs a token with the role query");
    },
  );

  it("refuses what the token's roles do not hold", async () => {
    const answer = await ask("/v2/repository/models/mlp/unload", "{}", bearer);
    expect([answer.status, errorOf(answer)]).toEqual([
      403,
      expect.stringContaining("needs the role operate"),
    ]);
  });
});

/** A sample's value; 0 where it is absent. */
function metricOf({ body }: Answer, sample: string): number {
  const line = body
    .toString()
    .split("\n")
    .find((l) => l.startsWith(`${sample} `));
  return Number(line?.slice(sample.length) ?? 0);
}

async function statisticsOf(name: string): Promise<Record<string, unknown>> {
  const { json } = await ask(`/v2/models/${name}/stats`);
  return (json.model_stats as Record<string, unknown>[])[0] ?? {};
}

/** Sends bytes as they are and returns what comes back until the other side closes. */
function rawAnswer(bytes: string): Promise<string> {
  const [host, port] = (house.frontend.httpAddress ?? "").split(":");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host ?? "", () => socket.write(bytes));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(text));
  });
}
