import type { DescService } from "@bufbuild/protobuf";
import { ArtifactService } from "../gen/infaas/v1/artifact_pb";
import { CatalogService } from "../gen/infaas/v1/catalog_pb";
import { ClusterService, JobRecordService, RegistryService } from "../gen/infaas/v1/cluster_pb";
import { ExecutionService } from "../gen/infaas/v1/execution_pb";
import { InferenceService } from "../gen/infaas/v1/inference_pb";
import { JobService } from "../gen/infaas/v1/job_pb";
import { GRPCInferenceService } from "../gen/inference/grpc_service_pb";
import { MetricsService } from "../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb";
import { OpenRcaService } from "../gen/xds/service/orca/v3/orca_pb";

/**
 * What a method asks of its caller: to query, to register models, to operate the system, to be one of its
 * processes (`member`), or nothing (`anyone`: probes, which have no token).
 */
export type MethodRole = "query" | "register" | "operate" | "member" | "anyone";

type RolesOf<S extends DescService> = { readonly [M in keyof S["method"]]: MethodRole };

const roleByPath = new Map<string, MethodRole>();

/** The compiler asks for every method of the service. */
function state<S extends DescService>(service: S, roles: RolesOf<S>): void {
  const byName: Readonly<Record<string, MethodRole>> = roles;
  for (const { name, localName } of service.methods)
    roleByPath.set(`/${service.typeName}/${name}`, byName[localName]!);
}

state(GRPCInferenceService, {
  serverLive: "anyone",
  serverReady: "anyone",
  serverMetadata: "query",
  modelReady: "query",
  modelMetadata: "query",
  modelConfig: "query",
  modelInfer: "query",
  modelStreamInfer: "query",
  modelStatistics: "query",
  repositoryIndex: "query",
  repositoryModelLoad: "operate",
  repositoryModelUnload: "operate",
  // Shared memory is the host's: whoever registers a region may read what another process put there.
  systemSharedMemoryStatus: "operate",
  systemSharedMemoryRegister: "operate",
  systemSharedMemoryUnregister: "operate",
  cudaSharedMemoryStatus: "operate",
  cudaSharedMemoryRegister: "operate",
  cudaSharedMemoryUnregister: "operate",
  traceSetting: "operate",
  logSettings: "operate",
});
state(InferenceService, { query: "query", explain: "query" });
state(CatalogService, {
  putTask: "register",
  registerModel: "register",
  listModels: "query",
  getStatus: "operate",
  listChanges: "operate",
  getPlan: "operate",
  freezePlan: "operate",
  drainExecutor: "operate",
  undrainExecutor: "operate",
  delete: "register",
});
state(ArtifactService, {
  statArtifact: "register",
  uploadArtifact: "register",
  downloadArtifact: "register",
});
// As files: whoever submits a job has uploaded its input.
state(JobService, {
  submitJob: "register",
  watchJob: "register",
  listJobs: "register",
  cancelJob: "register",
});
state(OpenRcaService, { streamCoreMetrics: "query" });
state(MetricsService, { export: "member" });
state(ClusterService, {
  join: "member",
  keepAlive: "member",
  leave: "member",
  reportInstances: "member",
  endBatching: "member",
  setAccepting: "member",
  watch: "member",
  campaign: "member",
  setPlacement: "member",
  setPlacements: "member",
  requestLoads: "member",
  setHost: "member",
  setFreeze: "member",
});
state(RegistryService, {
  putTaskRecord: "member",
  putArchitecture: "member",
  putVariants: "member",
  deleteRecords: "member",
});
state(JobRecordService, { putJobRecord: "member", advanceJobRecord: "member", cancelJobRecord: "member" });
state(ExecutionService, { link: "member", profileModel: "member", describeEnd: "member" });

/** Services of gRPC itself, by the beginning of their paths. */
const healthPath = "/grpc.health.v1.Health/";
const reflectionPath = /^\/grpc\.reflection\.v1(alpha)?\.ServerReflection\//;

/**
 * Returns what `/package.Service/Method` asks of its caller on a face for users; undefined for an unknown
 * method.
 */
export function userMethodRole(path: string): MethodRole | undefined {
  const stated = roleByPath.get(path);
  if (stated !== undefined) return stated;
  if (path.startsWith(healthPath)) return "anyone";
  return reflectionPath.test(path) ? "query" : undefined;
}

/** Returns what a method asks on a face for members only, where even uploading is a member's business. */
export function memberMethodRole(path: string): MethodRole | undefined {
  const role = userMethodRole(path);
  return role === undefined || role === "anyone" ? role : "member";
}
