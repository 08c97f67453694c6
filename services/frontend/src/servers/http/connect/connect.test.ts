import { type Client, Code as ConnectCode, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { CatalogService, InferenceService, RefusalSchema, Verdict } from "@infaas/api";
import { type House, startHouse, TASK } from "../../../testing/house";
import { HttpCaller } from "../../../testing/http-client";
import { ANSWER_VALUES } from "../../../testing/scripted-executor";
import { CONNECT_JSON_BYTES_MAX } from "./connect-message";

jest.setTimeout(30_000);

let house: House;
let http: HttpCaller;
beforeAll(async () => {
  house = await startHouse({ e1: ["mlp@1"] });
  http = new HttpCaller(house);
});
afterAll(() => house.stop());

const queryPath = `/${InferenceService.typeName}/Query`;
const pixels = new Uint8Array(new Float32Array([0, 0.25, 0.5, 1]).buffer);
const query = {
  target: TASK,
  inputs: [{ name: "pixels", datatype: "FP32", shape: [1n, 4n] }],
  rawInputContents: [pixels],
  id: "q-1",
};

/** The failure of a call of the stock client. */
async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await call.then(
      () => new Error("it was answered"),
      (fault: unknown) => fault,
    ),
  );
}

describe.each([
  ["JSON", false],
  ["bytes", true],
])("the stock Connect client of web pages, in %s", (_, useBinaryFormat) => {
  let inference: Client<typeof InferenceService>;
  let catalog: Client<typeof CatalogService>;
  beforeAll(() => {
    const transport = createConnectTransport({
      baseUrl: `http://${http.host}:${http.port}`,
      useBinaryFormat,
    });
    inference = createClient(InferenceService, transport);
    catalog = createClient(CatalogService, transport);
  });

  it("is answered with tensors, receipt and explanation", async () => {
    const answer = await inference.query({ ...query, explain: true });
    expect(answer).toMatchObject({
      id: "q-1",
      outputs: [{ name: "scores", datatype: "FP32", shape: [1n, 2n] }],
      receipt: { variant: "mlp@1", executor: "e1", batchSize: 1, computeMs: 0.75 },
      explanation: { candidates: [{ variant: "mlp@1", verdict: Verdict.SELECTED }] },
    });
    const [scores = new Uint8Array()] = answer.rawOutputContents;
    expect([...new Float32Array(scores.slice().buffer)]).toEqual([...ANSWER_VALUES]);
  });

  it("gets a refusal with its offers", async () => {
    const failure = await failureOf(inference.query({ ...query, slo: { minAccuracy: 0.99 } }));
    expect(failure.code).toBe(ConnectCode.FailedPrecondition);
    const [refusal] = failure.findDetails(RefusalSchema);
    expect(refusal?.offers).toMatchObject([{ relax: "accuracy", variant: "mlp@1", accuracy: 0.9 }]);
  });

  it("asks for explanations and the catalog", async () => {
    expect(await inference.explain({ target: TASK })).toMatchObject({ variant: "mlp@1", executor: "e1" });
    const { variants } = await catalog.listModels({});
    expect(variants.map(({ name }) => name)).toContain("mlp@1");
  });
});

describe("the Connect protocol over plain HTTP", () => {
  const json = { "content-type": "application/json" };
  const asked = (body: string | Buffer, headers: Record<string, string> = json) =>
    http.ask(queryPath, body, headers);

  it("takes a whole query in JSON", async () => {
    const raw = Buffer.from(pixels).toString("base64");
    const inputs = [{ name: "pixels", datatype: "FP32", shape: ["1", "4"] }];
    const { status, json: answer } = await asked(
      JSON.stringify({ target: TASK, inputs, rawInputContents: [raw] }),
    );
    expect(status).toBe(200);
    expect(answer).toMatchObject({ receipt: { variant: "mlp@1" } });
  });

  it.each([
    ["text that is no JSON", "{", json, 400, "invalid_argument", /JSON/],
    [
      "a field that there is not",
      '{"target":"x","slow":1}',
      json,
      400,
      "invalid_argument",
      /no infaas\.v1\.QueryRequest.*slow/,
    ],
    [
      "another medium",
      "target=x",
      { "content-type": "text/plain" },
      415,
      "invalid_argument",
      /'text\/plain'.*application\/json/,
    ],
    [
      "a timeout that is no number",
      "{}",
      { ...json, "connect-timeout-ms": "1s" },
      400,
      "invalid_argument",
      /'1s'.*1 to 10 digits/,
    ],
    ["a name that is unknown", '{"target":"cats"}', json, 404, "not_found", /cats/],
    [
      "bytes that are no message",
      Buffer.from([0x0f]),
      { "content-type": "application/proto" },
      400,
      "invalid_argument",
      /QueryRequest/,
    ],
  ])("refuses %s in the protocol's words", async (_, body, headers, status, code, message) => {
    const answer = await asked(body, headers as Record<string, string>);
    expect(answer).toMatchObject({ status, json: { code, message: expect.stringMatching(message) } });
  });

  it("refuses more JSON than is read at once, with both numbers", async () => {
    const body = JSON.stringify({ target: "x".repeat(CONNECT_JSON_BYTES_MAX) });
    const { status, json: answer } = await asked(body);
    expect(status).toBe(413);
    expect(answer.message).toContain(`${body.length} bytes of JSON; at most ${CONNECT_JSON_BYTES_MAX}`);
  });

  it("ends a query at the deadline that it states", async () => {
    const [executor] = house.executors;
    if (executor === undefined) throw new Error("no executor");
    const given = new Promise<void>((resolve) => {
      executor.behaviour = () => resolve();
    });
    const raw = Buffer.from(pixels).toString("base64");
    const inputs = [{ name: "pixels", datatype: "FP32", shape: ["1", "4"] }];
    const body = JSON.stringify({ target: TASK, inputs, rawInputContents: [raw] });
    const answer = await asked(body, { ...json, "connect-timeout-ms": "500" });
    await given;
    executor.behaviour = (_frame, reply) => reply.answer();
    expect(answer).toMatchObject({ status: 504, json: { code: "deadline_exceeded" } });
  });

  it("says of a method that streams where it is served", async () => {
    const { status, json: answer } = await http.ask(`/${CatalogService.typeName}/RegisterModel`, "{}", json);
    expect(status).toBe(501);
    expect(answer).toMatchObject({
      code: "unimplemented",
      message: "RegisterModel streams: it is served over gRPC",
    });
  });

  it("takes POST alone", async () => {
    const { status, headers, json: answer } = await http.ask(queryPath);
    expect(status).toBe(405);
    expect(headers.allow).toBe("POST");
    expect(answer.code).toBe("unimplemented");
  });
});
