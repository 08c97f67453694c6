import {
  file_infaas_v1_artifact,
  file_infaas_v1_catalog,
  file_infaas_v1_inference,
  file_inference_grpc_service,
  file_opentelemetry_proto_collector_metrics_v1_metrics_service,
  GRPCInferenceService,
} from "@infaas/api";
import {
  createRpcServer,
  type Implementation,
  type Logger,
  type RawStream,
  type RawUnaryCall,
  type RpcServer,
  type Security,
} from "@infaas/runtime";

/** What the frontend's face is made of. */
export interface ServerParts {
  readonly logger: Logger;
  readonly security: Security;
  readonly modelInfer: (bytes: Buffer, call: RawUnaryCall) => void;
  readonly modelStreamInfer: (stream: RawStream) => void;
  readonly services: readonly Implementation[];
}

/** The frontend's gRPC face: the Open Inference Protocol, infaas.v1, the OTLP receiver, health and reflection on one port. */
export function createFrontendServer({
  logger,
  security,
  modelInfer,
  modelStreamInfer,
  services,
}: ServerParts): RpcServer {
  const server = createRpcServer({
    logger,
    security,
    reflection: [
      file_inference_grpc_service,
      file_infaas_v1_inference,
      file_infaas_v1_catalog,
      file_infaas_v1_artifact,
      file_opentelemetry_proto_collector_metrics_v1_metrics_service,
    ],
  });
  server.addRawUnary(GRPCInferenceService, "ModelInfer", modelInfer);
  server.addRawBidi(GRPCInferenceService, "ModelStreamInfer", modelStreamInfer);
  for (const service of services) server.add(service);
  return server;
}
