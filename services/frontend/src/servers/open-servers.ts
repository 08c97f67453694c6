import { GRPCInferenceService } from "@infaas/api";
import {
  type Caller,
  type Implementation,
  type Lifecycle,
  type Logger,
  methodPath,
  type Security,
} from "@infaas/runtime";
import type { Wire } from "@infaas/wire";
import type { FrontendConfig } from "../config";
import type { InferOptions } from "../intake/infer-call";
import type { Selector } from "../routing/selector";
import type { Face } from "../telemetry/face";
import { ModelHealth } from "../view/model-health";
import { inferIngress } from "./grpc/infer-ingress";
import { inferStreams } from "./grpc/infer-stream";
import { inferenceService } from "./grpc/inference-service";
import { loadReports } from "./grpc/load-report-service";
import { nativeInfer } from "./grpc/native-infer";
import { connectQueryFace, queryFace, queryIngress } from "./grpc/query-ingress";
import { createFrontendServer } from "./grpc/server";
import { connectMethods } from "./http/connect/connect-methods";
import { listenHttp } from "./http/listen-http";
import { STOP_GRACE_MS } from "./stop-grace";

export interface ServedParts {
  readonly logger: Logger;
  readonly security: Security;
  /** Null = grpc-js. */
  readonly wire: Wire<Caller> | null;
  readonly infer: InferOptions;
  readonly selector: Selector;
  /** The Open Inference Protocol besides ModelInfer. */
  readonly protocol: Implementation;
  /** Every other service of gRPC. */
  readonly services: readonly Implementation[];
}

/** Servers that listen. */
export interface Servers {
  /** Of gRPC. */
  readonly port: number;
  /** host:port of the HTTP server; null when it is off. */
  readonly httpAddress: string | null;
  readonly faces: ReadonlyMap<string, Face>;
}

/** Serves gRPC, and HTTP unless it is off, until the process ends. */
export async function openServers(
  config: FrontendConfig,
  { logger, security, wire, infer, selector, protocol, services }: ServedParts,
  lifecycle: Lifecycle,
): Promise<Servers> {
  const query = queryIngress(infer, queryFace);
  const ours = [inferenceService({ ...infer, selector }), ...services];
  const server = createFrontendServer({
    logger,
    security,
    transport: wire ?? undefined,
    modelInfer: inferIngress(infer),
    modelStreamInfer: inferStreams(infer),
    query,
    services: [protocol, loadReports(infer), ...ours],
  });
  wire?.infer(methodPath(GRPCInferenceService.method.modelInfer), nativeInfer(infer, wire));
  new ModelHealth(infer.view, server.health);
  const port = await server.listen(config.listen);
  lifecycle.onStop("server", () => server.stop(STOP_GRACE_MS));
  const faces = new Map<string, Face>([["grpc", server]]);
  const connectQuery = queryIngress(infer, connectQueryFace);
  const connect = connectMethods({ query: connectQuery, services: ours });
  const http = await listenHttp(config, { logger, security, infer, protocol, connect, faces }, lifecycle);
  if (http !== null) faces.set("http", http.face);
  return { port, httpAddress: http?.address ?? null, faces };
}
