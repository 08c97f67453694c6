import type { IncomingMessage, ServerResponse } from "node:http";
import { GRPCInferenceService } from "@infaas/api";
import {
  type Caller,
  type CallGuard,
  Code,
  type Implementation,
  methodPath,
  ServiceError,
  unnamedCaller,
} from "@infaas/runtime";
import { type InferOptions, startInfer } from "../../intake/infer-call";
import { findNamed } from "../../query/named-model";
import type { Face } from "../../telemetry/face";
import type { QueryFace } from "../../telemetry/query-face";
import type { ByteBudget } from "./byte-budget";
import { answerConnect } from "./connect/connect-exchange";
import { failureReply } from "./connect/connect-message";
import type { ConnectMethod } from "./connect/connect-methods";
import { decoded, findRoute, wrongVerb } from "./find-route";
import { HttpError, httpStatusOf } from "./http-status";
import { type HttpInferRequest, type InferTarget, type OutputForm, readInferRequest } from "./infer-request";
import { HEAD_LENGTH_HEADER, writeInferResponse } from "./infer-response";
import { invalid, parseObject } from "./json/json-body";
import { mediaKind, readMediaRequest } from "./media/media-request";
import { faceMetrics } from "./metrics/face-metrics";
import type { HostLoad } from "./metrics/host-load";
import { prometheusText } from "./metrics/prometheus";
import { taskFamilies } from "./metrics/task-families";
import { tritonMetrics } from "./metrics/triton-metrics";
import { readRawRequest } from "./raw-request";
import { errorReply, metricsReply, type Reply } from "./reply";
import { type ReceivedBody, receiveBody } from "./request-body";

export interface ExchangeOptions {
  readonly infer: InferOptions;
  /** The Open Inference Protocol's methods besides ModelInfer, as gRPC serves them. */
  readonly protocol: Implementation;
  /** Methods of infaas.v1 by path, for the Connect protocol. */
  readonly connect: ReadonlyMap<string, ConnectMethod>;
  /** What GET answers beside, by path. */
  readonly files: ReadonlyMap<string, Reply>;
  readonly bodies: ByteBudget;
  readonly hostLoad: HostLoad;
  /** Every server of the process by the name that metrics give it. */
  readonly faces: ReadonlyMap<string, Face>;
  /** Who may call what; null: anybody anything. */
  readonly guard: CallGuard | null;
}

const inferMethod = methodPath(GRPCInferenceService.method.modelInfer);
const statisticsMethod = methodPath(GRPCInferenceService.method.modelStatistics);
/** A query over HTTP, in the words of OpenTelemetry's conventions. */
const inferFace: QueryFace = {
  span: "POST /v2/models/{model}/infer",
  attributes: { "http.request.method": "POST", "http.route": "/v2/models/{model}/infer" },
  statusName: "http.response.status_code",
  status: httpStatusOf,
};
const METRICS_PATH = "/metrics";
const inferPattern = /^\/v2\/models\/(?<name>.+?)(?:\/versions\/(?<version>[^/]+))?\/infer$/;

/** One request and its answer. */
export class Exchange {
  private readonly gone = new AbortController();

  constructor(
    private readonly o: ExchangeOptions,
    private readonly request: IncomingMessage,
    response: ServerResponse,
  ) {
    response.once("close", () => {
      if (!response.writableFinished) this.gone.abort();
    });
  }

  /** Answers by path and verb; rejects with the failure. */
  async answer(): Promise<Reply> {
    const { path, verb } = this;
    const infer = inferPattern.exec(path);
    if (infer !== null) {
      if (verb !== "POST") throw wrongVerb(path, verb, "POST");
      const caller = this.admit(inferMethod);
      const { name = "", version = "" } = decoded(infer.groups);
      return this.withBody((body) => this.infer({ name, version }, body.bytes, caller));
    }
    const method = this.o.connect.get(path);
    if (method !== undefined) return this.connect(method);
    const file = this.o.files.get(path);
    if (file !== undefined && verb === "GET") return file;
    if (path === METRICS_PATH && verb === "GET") return this.metrics();
    const { route, match } = findRoute(path, verb);
    const from = { caller: this.admit(route.method), peer: this.peer, signal: this.gone.signal };
    const sent = decoded(match.groups);
    return this.withBody((body) =>
      route.answer(this.o.protocol, { path: sent, json: parseObject(body.bytes) }, from),
    );
  }

  private async connect(method: ConnectMethod): Promise<Reply> {
    const { path, verb, request, peer } = this;
    try {
      if (verb !== "POST") throw wrongVerb(path, verb, "POST");
      const caller = this.admit(method.path);
      const about = { caller, peer, gone: this.gone.signal, headerNames: () => Object.keys(request.headers) };
      return await this.withBody(({ bytes: body }) =>
        answerConnect(method, { ...about, body, header: (name) => this.header(name) }),
      );
    } catch (fault) {
      return failureReply(ServiceError.from(fault));
    }
  }

  /** Authorises the call before its body is received. */
  private admit(method: string): Caller {
    const { peer } = this;
    const { guard } = this.o;
    if (guard === null) return unnamedCaller(peer);
    const admitted = guard.admit({ path: method, authorization: this.header("authorization"), peer });
    if (!(admitted instanceof ServiceError)) return admitted;
    if (admitted.code !== Code.UNAUTHENTICATED) throw admitted;
    throw new HttpError(401, admitted.code, admitted.message, { "www-authenticate": "Bearer" });
  }

  private get path(): string {
    const url = this.request.url ?? "/";
    const query = url.indexOf("?");
    return query < 0 ? url : url.slice(0, query);
  }

  /** HEAD is GET without the body, which Node leaves out by itself. */
  private get verb(): string {
    return this.request.method === "HEAD" ? "GET" : (this.request.method ?? "GET");
  }

  private async withBody(f: (body: ReceivedBody) => Promise<Reply>): Promise<Reply> {
    const body = await receiveBody(this.request, this.o.bodies);
    try {
      return await f(body);
    } finally {
      body.release();
    }
  }

  private async infer(target: InferTarget, body: Buffer, caller: Caller): Promise<Reply> {
    const { message, form } = await this.read(target, body);
    return new Promise((resolve) => {
      const started = startInfer(this.o.infer, message, {
        deadlineMs: null,
        caller,
        face: inferFace,
        traceparent: this.header("traceparent"),
        metadata: (name) => this.header(name),
        metadataNames: () => Object.keys(this.request.headers),
        answer: (answer, { trailers }) => {
          const bytes = Buffer.allocUnsafe(answer.length);
          answer.copy(bytes, 0);
          resolve(written(bytes, form).then((reply) => withHeaders(reply, textOnly(trailers))));
        },
        refuse: (error, { trailers }) => resolve(errorReply(error, textOnly(trailers))),
      });
      if (this.gone.signal.aborted) started.cancel();
      else this.gone.signal.addEventListener("abort", () => started.cancel());
    });
  }

  /** What Prometheus scrapes; asks of its caller what the protocol's statistics ask. */
  private metrics(): Reply {
    this.admit(statisticsMethod);
    const { view, statistics, router, tasks } = this.o.infer;
    const host = this.o.hostLoad.read();
    const triton = tritonMetrics({ view, statistics, router, host });
    const families = [...taskFamilies(tasks), ...triton, ...faceMetrics(this.o.faces)];
    return metricsReply(prometheusText(families));
  }

  private async read(target: InferTarget, body: Buffer): Promise<HttpInferRequest> {
    const jsonBytes = this.headLength();
    const media = jsonBytes === null ? this.media(target, body) : null;
    if (media !== null) return media;
    if (jsonBytes !== 0) return readInferRequest(target, body, jsonBytes);
    return readRawRequest(target, body, findNamed(this.o.infer.view, target.name, target.version));
  }

  /** The request of a body that is a picture, a text or a form; null: its content type says none of it. */
  private media(target: InferTarget, bytes: Buffer): Promise<HttpInferRequest> | null {
    const contentType = this.header("content-type") ?? "";
    const kind = mediaKind(contentType);
    if (kind === null) return null;
    const { view } = this.o.infer;
    const model = findNamed(view, target.name, target.version);
    const takes = new Set(model.variants.flatMap(({ name }) => view.catalog.adapted.get(name) ?? []));
    // Browsers say text/plain of JSON too, and few models take texts.
    if (kind === "text" && !takes.has("text")) return null;
    const { searchParams: parameters } = new URL(this.request.url ?? "/", "http://localhost");
    return readMediaRequest(target, { kind, contentType, bytes, parameters }, { model, takes });
  }

  private headLength(): number | null {
    const value = this.header(HEAD_LENGTH_HEADER);
    if (value === undefined) return null;
    if (/^\d{1,15}$/.test(value)) return Number(value);
    throw invalid(`Inference-Header-Content-Length is '${value}'; it must be a whole number from 0`);
  }

  private header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  private get peer(): string {
    const { remoteAddress = "", remotePort = 0 } = this.request.socket;
    return `${remoteAddress}:${remotePort}`;
  }
}

function written(message: Uint8Array, form: OutputForm): Promise<Reply> {
  return writeInferResponse(message, form).catch((error) => errorReply(ServiceError.from(error)));
}

function withHeaders(reply: Reply, headers: Readonly<Record<string, string>>): Reply {
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

/** What gRPC sends as trailers goes as headers; binary ones have no form here. */
function textOnly(trailers: Readonly<Record<string, string | Buffer>>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(trailers)) if (typeof value === "string") headers[name] = value;
  return headers;
}
