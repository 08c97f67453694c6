import { ExecutionService, file_infaas_v1_execution } from "@infaas/api";
import { createRpcServer, implementService, type Logger, type RpcServer } from "@infaas/runtime";
import type { LinkServer } from "./link-server";
import type { ProfileQueue } from "./profile-queue";

/** What the gRPC face hands on to. */
export interface ServerPorts {
  readonly logger: Logger;
  readonly links: LinkServer;
  readonly profiles: ProfileQueue;
}

/** The executor's gRPC face: links on undecoded messages, everything else typed. */
export function executorServer({ logger, links, profiles }: ServerPorts): RpcServer {
  const server = createRpcServer({ logger, reflection: [file_infaas_v1_execution] });
  server.add(implementService(ExecutionService, { profileModel: (request) => profiles.run(request) }));
  server.addRawBidi(ExecutionService, "Link", (stream) => links.accept(stream));
  return server;
}
