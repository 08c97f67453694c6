import {
  file_grpc_health_v1_health,
  file_infaas_v1_artifact,
  file_infaas_v1_catalog,
  file_infaas_v1_inference,
  file_inference_grpc_service,
  file_opentelemetry_proto_collector_metrics_v1_metrics_service,
  file_xds_service_orca_v3_orca,
  GRPCInferenceService,
  InferenceService,
} from "@infaas/api";
import {
  createRpcServer,
  type Implementation,
  type Logger,
  type RawUnaryCall,
  type RpcServer,
  type Security,
  type ServedStream,
  type Transport,
} from "@infaas/runtime";

const reflection = [
  file_grpc_health_v1_health,
  file_inference_grpc_service,
  file_infaas_v1_inference,
  file_infaas_v1_catalog,
  file_infaas_v1_artifact,
  file_opentelemetry_proto_collector_metrics_v1_metrics_service,
  file_xds_service_orca_v3_orca,
];

export interface ServerParts {
  readonly logger: Logger;
  readonly security: Security;
  /** What carries gRPC; undefined = grpc-js. */
  readonly transport: Transport | undefined;
  readonly modelInfer: (bytes: Buffer, call: RawUnaryCall) => void;
  readonly modelStreamInfer: (stream: ServedStream) => void;
  readonly query: (bytes: Buffer, call: RawUnaryCall) => void;
  readonly services: readonly Implementation[];
}

/** The frontend's gRPC server: the Open Inference Protocol, infaas.v1, the OTLP receiver, health and reflection on one port. */
export function createFrontendServer({
  logger,
  security,
  transport,
  modelInfer,
  modelStreamInfer,
  query,
  services,
}: ServerParts): RpcServer {
  const carried = transport === undefined ? {} : { transport };
  const server = createRpcServer({ logger, security, reflection, ...carried });
  server.addRawUnary(GRPCInferenceService, "ModelInfer", modelInfer);
  server.addRawBidi(GRPCInferenceService, "ModelStreamInfer", modelStreamInfer);
  server.addRawUnary(InferenceService, "Query", query);
  for (const service of services) server.add(service);
  return server;
}
