import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { type House, startHouse, TASK, until } from "../../testing/house";
import { errorOf, HttpCaller, inferBody, row } from "../../testing/http-client";
import type { Reply as ScriptedReply } from "../../testing/scripted-executor";
import { JSON_BYTES_MAX } from "./json/json-body";
import { BODY_BYTES_MAX } from "./request-body";

jest.setTimeout(30_000);

let house: House;
let http: HttpCaller;
beforeAll(async () => {
  house = await startHouse({ e1: ["mlp@1"] });
  http = new HttpCaller(house);
});
afterAll(() => house.stop());

describe("HTTP face", () => {
  describe("when bodies are compressed", () => {
    it.each([
      ["gzip", gzipSync, gunzipSync],
      ["deflate", deflateSync, inflateSync],
    ] as const)("takes and gives %s", async (encoding, pack, unpack) => {
      const headers = { "content-encoding": encoding, "accept-encoding": encoding };
      const answer = await http.ask(`/v2/models/${TASK}/infer`, pack(inferBody()), headers);
      expect(answer.headers["content-encoding"]).toBe(encoding);
      expect(JSON.parse(unpack(answer.body).toString())).toMatchObject({ id: "q-1" });
    });

    it("gives what describes something, and failures, as they are: clients unpack tensors alone", async () => {
      const headers = { "accept-encoding": "gzip, deflate" };
      const config = await http.ask(`/v2/models/${TASK}/config`, undefined, headers);
      const refused = await http.infer({ parameters: { slo_min_accuracy: 1 } }, headers);
      expect([config.body.length, refused.body.length].every((bytes) => bytes > 256)).toBe(true);
      for (const answer of [config, refused]) expect(answer.headers["content-encoding"]).toBeUndefined();
    });

    it("gives none that is forbidden", async () => {
      const { headers } = await http.infer({}, { "accept-encoding": "gzip;q=0, br" });
      expect(headers["content-encoding"]).toBeUndefined();
    });

    it("refuses a body that swells beyond the bound", async () => {
      const bomb = gzipSync(Buffer.alloc(BODY_BYTES_MAX + 1));
      const answer = await http.ask(`/v2/models/${TASK}/infer`, bomb, { "content-encoding": "gzip" });
      expect([answer.status, errorOf(answer)]).toEqual([
        413,
        expect.stringContaining(`${BODY_BYTES_MAX} bytes`),
      ]);
    });

    it("refuses what is not compressed as it says, and encodings it does not know", async () => {
      const wrong = await http.ask(`/v2/models/${TASK}/infer`, inferBody(), { "content-encoding": "gzip" });
      expect([wrong.status, errorOf(wrong)]).toEqual([
        400,
        expect.stringContaining("cannot be decompressed"),
      ]);
      const unknown = await http.ask(`/v2/models/${TASK}/infer`, inferBody(), { "content-encoding": "br" });
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
      const answer = await http.ask(`/v2/models/${TASK}/infer`, body);
      expect([answer.status, errorOf(answer)]).toEqual([400, expect.stringContaining(sentence)]);
    });

    it("says 404 for an unknown model and for an unknown path", async () => {
      const model = await http.infer({}, {}, "cats");
      expect([model.status, errorOf(model)]).toEqual([404, expect.stringContaining("unknown model: 'cats'")]);
      expect((await http.ask("/v2/models/cats")).status).toBe(404);
      expect((await http.ask("/favicon.ico")).status).toBe(404);
    });

    it("says 405 and what is allowed for a wrong verb", async () => {
      const answer = await http.ask("/v2/models/mlp/infer");
      expect([answer.status, answer.headers.allow]).toEqual([405, "POST"]);
      expect((await http.ask("/v2/health/live", "")).status).toBe(405);
    });

    it("refuses percent signs that encode nothing", async () => {
      expect((await http.ask("/v2/models/%zz")).status).toBe(400);
    });

    it("says what would be accepted, with offers, when no variant can do it", async () => {
      const { status, json } = await http.infer({ parameters: { slo_min_accuracy: 0.99 } });
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
      const answer = await http.infer();
      executor.behaviour = (_frame, reply) => reply.answer();
      expect([answer.status, errorOf(answer)]).toEqual([status, expect.stringContaining("as scripted")]);
    });

    it("refuses JSON too long to read in one go, and points to binary data", async () => {
      const answer = await http.ask(`/v2/models/${TASK}/infer`, Buffer.alloc(JSON_BYTES_MAX + 1, " "));
      expect([answer.status, errorOf(answer)]).toEqual([
        413,
        expect.stringContaining("send tensors as binary data"),
      ]);
    });

    it("refuses a body that is announced too large before it comes", async () => {
      const answer = await rawAnswer(
        `POST /v2/models/mlp/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`,
      );
      expect(answer).toContain("413 Payload Too Large");
    });

    it("refuses heads beyond the bound", async () => {
      expect((await http.ask("/v2", undefined, { padding: "x".repeat(20_000) })).status).toBe(431);
    });
  });

  describe("when the caller goes away", () => {
    it("tells the executor", async () => {
      const executor = house.executors[0];
      if (executor === undefined) throw new Error("no executor");
      const seen = executor.received.length;
      const held: ScriptedReply[] = [];
      executor.behaviour = (_frame, reply) => held.push(reply);
      const { host, port } = http;
      const sent = httpRequest({ host, port, method: "POST", path: "/v2/models/mlp/infer" });
      sent.once("error", () => undefined);
      sent.end(inferBody());
      await until(() => held.length === 1);
      sent.destroy();
      const id = executor.received[seen]?.id;
      await until(() => executor.cancelled.some((cancelled) => cancelled === id));
      executor.behaviour = (_frame, reply) => reply.answer();
    });

    it("tells the executor of every request that it had sent one behind the other", async () => {
      const executor = house.executors[0];
      if (executor === undefined) throw new Error("no executor");
      const seen = executor.received.length;
      const held: ScriptedReply[] = [];
      executor.behaviour = (_frame, reply) => held.push(reply);
      const { host, port } = http;
      const socket = connect(port, host);
      const body = inferBody();
      const head = `POST /v2/models/mlp/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`;
      socket.write(`${head}${body}`.repeat(3));
      await until(() => held.length === 3);
      socket.destroy();
      const ids = executor.received.slice(seen).map(({ id }) => id);
      await until(() => ids.every((id) => executor.cancelled.includes(id)));
      executor.behaviour = (_frame, reply) => reply.answer();
    });
  });
});

/** Sends bytes as they are and returns what comes back until the other side closes. */
function rawAnswer(bytes: string): Promise<string> {
  const { host, port } = http;
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(bytes));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(text));
  });
}
