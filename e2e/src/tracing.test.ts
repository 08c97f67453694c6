import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { ModelInferRequestSchema, type Span, TraceService } from "@infaas/api";
import { createLogger, createRpcServer, implementService, type RpcServer } from "@infaas/runtime";
import { Cluster, eventually } from "./cluster";
import { validationRow } from "./validation";

const task = "digit-classification/uci-digits";
const traceId = "0af7651916cd43dd8448eb211c80319c";
const callerSpan = "b7ad6b7169203331";

/** A collector of OpenTelemetry that keeps the spans it receives. */
async function startCollector(): Promise<{ server: RpcServer; port: number; spans: Span[] }> {
  const spans: Span[] = [];
  const server = createRpcServer({ logger: createLogger({ service: "collector", level: "error" }) });
  server.add(
    implementService(TraceService, {
      export: async (request) => {
        for (const { scopeSpans } of request.resourceSpans)
          for (const scope of scopeSpans) spans.push(...scope.spans);
        return {};
      },
    }),
  );
  return { server, port: await server.listen("127.0.0.1:0"), spans };
}

describe("a traced query", () => {
  let cluster: Cluster;
  let collector: Awaited<ReturnType<typeof startCollector>>;
  beforeAll(async () => {
    collector = await startCollector();
    const endpoint = ["--otlp-endpoint", `http://127.0.0.1:${collector.port}`];
    cluster = await Cluster.start({ zoo: "digits-logreg", args: endpoint });
  }, 300_000);
  afterAll(async () => {
    await cluster?.stop();
    await collector?.server.stop(1_000);
  });

  it("is one trace through frontend, executor and batch, below the caller's span", async () => {
    await inferTraced(cluster.address);
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
    const ours = () => collector.spans.filter((span) => hex(span.traceId) === traceId);
    const whole = () =>
      ours().some((span) => hex(span.parentSpanId) === callerSpan) &&
      ours().some((span) => span.name.includes("run"));
    await eventually("spans of frontend and executor arrive", 15_000, async () => whole());
    const ids = new Set(ours().map((span) => hex(span.spanId)));
    const parents = ours().map((span) => hex(span.parentSpanId));
    expect(parents).toContain(callerSpan);
    for (const parent of parents) expect(parent === callerSpan || ids.has(parent)).toBe(true);
    const names = ours().map((span) => span.name);
    for (const stage of ["queue", "run"]) expect(names.some((name) => name.includes(stage))).toBe(true);
    for (const span of ours()) expect(span.endTimeUnixNano).toBeGreaterThanOrEqual(span.startTimeUnixNano);
  }, 60_000);
});

/** A stock unary call with a W3C traceparent in its metadata. */
function inferTraced(address: string): Promise<Buffer> {
  const { input } = validationRow(task, 0);
  const request = create(ModelInferRequestSchema, {
    modelName: task,
    inputs: [{ name: input.name, datatype: input.datatype, shape: input.shape.map(BigInt) }],
    rawInputContents: [input.bytes],
  });
  const metadata = new Metadata();
  metadata.set("traceparent", `00-${traceId}-${callerSpan}-01`);
  const client = new Client(address, credentials.createInsecure());
  const bytes = Buffer.from(toBinary(ModelInferRequestSchema, request));
  const same = (b: Buffer) => b;
  return new Promise<Buffer>((done, failed) => {
    client.makeUnaryRequest(
      "/inference.GRPCInferenceService/ModelInfer",
      same,
      same,
      bytes,
      metadata,
      (error, answer) => {
        client.close();
        if (error !== null || answer === undefined) failed(error);
        else done(answer);
      },
    );
  });
}
