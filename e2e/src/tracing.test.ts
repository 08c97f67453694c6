import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import {
  ExportTraceServiceRequestSchema,
  type KeyValue,
  ModelInferRequestSchema,
  type Span,
  Span_SpanKind,
  TraceService,
} from "@infaas/api";
import { createLogger, createRpcServer, implementService, type RpcServer } from "@infaas/runtime";
import { Cluster, eventually, infaas, root } from "./cluster";
import { validationRow } from "./validation";

const task = "digit-classification/uci-digits";
const traceId = "0af7651916cd43dd8448eb211c80319c";
const modelInfer = "inference.GRPCInferenceService/ModelInfer";
const callerSpan = "b7ad6b7169203331";

/** A span with the attributes of the process that made it. */
interface Received {
  readonly span: Span;
  readonly resource: ReadonlyMap<string, unknown>;
}

/** A collector of OpenTelemetry that keeps the spans it receives. */
async function startCollector(): Promise<{ server: RpcServer; port: number; received: Received[] }> {
  const received: Received[] = [];
  const server = createRpcServer({ logger: createLogger({ service: "collector", level: "error" }) });
  server.add(
    implementService(TraceService, {
      export: async (request) => {
        for (const { resource, scopeSpans } of request.resourceSpans)
          for (const span of scopeSpans.flatMap(({ spans }) => spans))
            received.push({ span, resource: valuesOf(resource?.attributes ?? []) });
        return {};
      },
    }),
  );
  return { server, port: await server.listen("127.0.0.1:0"), received };
}

/** Attributes by name. */
function valuesOf(attributes: readonly KeyValue[]): ReadonlyMap<string, unknown> {
  return new Map(attributes.map(({ key, value }) => [key, value?.value.value]));
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("a traced query", () => {
  let cluster: Cluster;
  let collector: Awaited<ReturnType<typeof startCollector>>;
  beforeAll(async () => {
    collector = await startCollector();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
      OTEL_TRACES_SAMPLER: "parentbased_always_on",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=e2e",
    };
    cluster = await Cluster.start({ zoo: "digits-logreg", env });
  }, 300_000);
  afterAll(async () => {
    await cluster?.stop();
    await collector?.server.stop(1_000);
  });

  const spansOf = (trace: string) =>
    collector.received.flatMap(({ span }) => (hex(span.traceId) === trace ? [span] : []));

  it("is one trace through frontend, executor and batch, below the caller's span", async () => {
    await inferTraced(cluster.address, traceId, "01");
    const ours = () => spansOf(traceId);
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
    const [root] = ours().filter((span) => hex(span.parentSpanId) === callerSpan);
    expect(root).toMatchObject({ name: modelInfer, kind: Span_SpanKind.SERVER });
    const told = valuesOf(root?.attributes ?? []);
    expect(told.get("rpc.system.name")).toBe("grpc");
    expect(told.get("rpc.response.status_code")).toBe("OK");
    expect(told.get("infaas.task")).toBe(task);
    const processes = collector.received.filter(({ span }) => hex(span.traceId) === traceId);
    const environments = processes.map(({ resource }) => resource.get("deployment.environment.name"));
    expect(new Set(environments)).toEqual(new Set(["e2e"]));
  }, 60_000);

  it("is found by the trace id of its receipt", async () => {
    const { input } = validationRow(task, 0);
    const { receipt } = await cluster.client.query(task, [input]);
    expect(receipt.traceId).toMatch(/^[0-9a-f]{32}$/);
    await eventually("its spans arrive", 15_000, async () =>
      spansOf(receipt.traceId).some(({ name }) => name === "infaas.v1.InferenceService/Query"),
    );
  }, 60_000);

  it("begins with the span of the command line, which goes over HTTP where it is told to", async () => {
    const { address } = cluster;
    const { http, bodies, port } = await startHttpCollector();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    };
    const words = ["query", task, "--image", join(root, "zoo", "examples", "seven.png"), "--json"];
    const { stdout, stderr } = await infaas({ address, env }, ...words);
    http.close();
    http.closeAllConnections();
    expect(stderr).toBe("");
    const spans = bodies.flatMap((bytes) =>
      fromBinary(ExportTraceServiceRequestSchema, bytes).resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap((scope) => scope.spans),
      ),
    );
    expect(spans).toMatchObject([{ name: "infaas.v1.InferenceService/Query", kind: Span_SpanKind.CLIENT }]);
    const [span] = spans as [Span];
    expect(JSON.parse(stdout).receipt.traceId).toBe(hex(span.traceId));
    await eventually("the frontend's span lies below it", 15_000, async () =>
      spansOf(hex(span.traceId)).some((s) => hex(s.parentSpanId) === hex(span.spanId)),
    );
  }, 60_000);

  it("is traced when it is refused, although its caller sampled nothing, and says what was asked", async () => {
    const unsampled = "1bf7651916cd43dd8448eb211c80319d";
    const infeasible = {
      parameters: { slo_min_accuracy: { parameterChoice: { case: "doubleParam" as const, value: 1 } } },
    };
    const asked = inferTraced(cluster.address, unsampled, "00", infeasible);
    await expect(asked).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
    await eventually("its span arrives", 15_000, async () => spansOf(unsampled).length > 0);
    const [span] = spansOf(unsampled);
    const told = valuesOf(span?.attributes ?? []);
    expect(told.get("error.type")).toBe("FAILED_PRECONDITION");
    expect(told.get("infaas.task")).toBe(task);
    expect(Number(told.get("infaas.asked.accuracy"))).toBe(1);
  }, 60_000);
});

/** A collector of OpenTelemetry over HTTP that keeps what is posted as traces. */
async function startHttpCollector() {
  const bodies: Uint8Array[] = [];
  const http = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (request.url === "/v1/traces") bodies.push(Buffer.concat(parts));
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
  });
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  return { http, bodies, port: (http.address() as AddressInfo).port };
}

/** A stock unary call with a W3C traceparent of these flags in its metadata. */
function inferTraced(
  address: string,
  trace: string,
  flags: "00" | "01",
  more: MessageInitShape<typeof ModelInferRequestSchema> = {},
): Promise<Buffer> {
  const { input } = validationRow(task, 0);
  const request = create(ModelInferRequestSchema, {
    modelName: task,
    inputs: [{ name: input.name, datatype: input.datatype, shape: input.shape.map(BigInt) }],
    rawInputContents: [input.bytes],
    ...more,
  });
  const metadata = new Metadata();
  metadata.set("traceparent", `00-${trace}-${callerSpan}-${flags}`);
  const client = new Client(address, credentials.createInsecure());
  const bytes = Buffer.from(toBinary(ModelInferRequestSchema, request));
  const same = (b: Buffer) => b;
  return new Promise<Buffer>((done, failed) => {
    client.makeUnaryRequest(`/${modelInfer}`, same, same, bytes, metadata, (error, answer) => {
      client.close();
      if (error !== null || answer === undefined) failed(error);
      else done(answer);
    });
  });
}
