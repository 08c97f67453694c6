import {
  type DescribeEndRequest,
  ExecutionService,
  file_infaas_v1_execution,
  type ProfileModelRequest,
} from "@infaas/api";
import {
  type CallContext,
  Code,
  createRpcServer,
  implementService,
  type Logger,
  type RpcServer,
  type Security,
  ServiceError,
} from "@infaas/runtime";
import type { ProfileQueue } from "../profiling/confinement/profile-queue";
import type { LinkServer } from "./link-server";

export interface ServerPorts {
  readonly logger: Logger;
  readonly links: LinkServer;
  readonly profiles: ProfileQueue;
  /** Tells how engine processes ended; absent: there are none. */
  readonly processes?: {
    endOf(incarnation: string): Promise<{
      readonly reason: string;
      readonly suspects: readonly string[];
      readonly queryIds: Iterable<number>;
    } | null>;
  };
  /** Default: no TLS, every caller may call every method. */
  readonly security?: Security;
}

/** Returns a gRPC server of links alone, for an engine process. Messages of `Link` are not decoded; it does not listen yet. */
export function linkServer({ links, ...face }: Omit<ServerPorts, "profiles" | "processes">): RpcServer {
  const server = createRpcServer({ ...face, reflection: [file_infaas_v1_execution] });
  server.addRawBidi(ExecutionService, "Link", (stream) => links.accept(stream));
  return server;
}

/** Returns the executor's gRPC server. Messages of `Link` are not decoded; it does not listen yet. */
export function executorServer({ links, profiles, processes, ...face }: ServerPorts): RpcServer {
  const server = createRpcServer({ ...face, reflection: [file_infaas_v1_execution] });
  const profileModel = (request: ProfileModelRequest, { signal }: CallContext) => {
    if (request.architecture === undefined || request.architecture.modelDigest === "")
      throw new ServiceError(
        Code.INVALID_ARGUMENT,
        "the architecture, with the digest of its model file, is missing",
      );
    return profiles.run(request, signal);
  };
  const describeEnd = async ({ incarnation }: DescribeEndRequest) => {
    const end = await processes?.endOf(incarnation);
    if (end === undefined || end === null) return {};
    return { ended: true, reason: end.reason, suspects: [...end.suspects], queryIds: [...end.queryIds] };
  };
  server.add(implementService(ExecutionService, { profileModel, describeEnd }));
  server.addRawBidi(ExecutionService, "Link", (stream) => links.accept(stream));
  return server;
}
