import {
  ArtifactService,
  ClusterService,
  file_infaas_v1_artifact,
  file_infaas_v1_cluster,
  JobRecordService,
  RegistryService,
} from "@infaas/api";
import {
  Code,
  createRpcServer,
  type Implementation,
  implementService,
  type Logger,
  type RpcServer,
  type Security,
  ServiceError,
} from "@infaas/runtime";
import { setFreeze } from "./members/freeze";
import { setHost } from "./members/hosts";
import { campaign } from "./members/leader";
import { requestLoads } from "./members/load-requests";
import { setPlacement, setPlacements } from "./members/placements";
import type { Metadata, MetadataRecords } from "./metadata";

/**
 * A gRPC server of all that the metadata service offers, with health and reflection; it does not listen yet.
 */
export function createMetadataServer(
  metadata: Metadata,
  ports: { readonly logger: Logger; readonly security?: Security },
): RpcServer {
  const server = createRpcServer({ ...ports, reflection: [file_infaas_v1_cluster, file_infaas_v1_artifact] });
  const services = [ClusterService, RegistryService, JobRecordService, ArtifactService];
  for (const serve of [clusterService, registryService, jobRecordService]) server.add(serve(metadata));
  server.add(artifacts(metadata));
  for (const { typeName } of services) server.health.set(typeName, true);
  return server;
}

/** infaas.v1.ClusterService over these records. */
export function clusterService({ store, hub, writer, members, registry }: MetadataRecords): Implementation {
  return implementService(ClusterService, {
    async join({ member, ttlMs }) {
      const lease = await members.join(given("member", member), ttlMs);
      return { leaseId: lease.id, ttlMs: lease.ttlMs };
    },
    async keepAlive({ leaseId }) {
      return { ttlMs: (await members.keepAlive(leaseId)).ttlMs };
    },
    async leave({ leaseId }) {
      await members.leave(leaseId);
      return {};
    },
    async reportInstances({ leaseId, report }) {
      await members.report(leaseId, given("report", report));
      return {};
    },
    async endBatching({ variant, modelDigest, reason }) {
      return { recorded: await registry.endBatching({ variant, modelDigest, reason }) };
    },
    async setAccepting({ executor, accepting }) {
      await members.setAccepting(executor, accepting);
      return {};
    },
    watch: ({ fromRevision }, { signal }) => hub.subscribe(fromRevision, signal),
    async campaign({ leaseId, member }) {
      return { leadership: await campaign({ store, hub }, { leaseId, member }) };
    },
    async setPlacement({ placements, wanted, readRevision }) {
      return { revision: await setPlacement(writer, placements, { wanted, readRevision }) };
    },
    async setPlacements({ placements, term, readRevision }) {
      return { revision: await setPlacements(writer, { placements, term, readRevision }) };
    },
    async requestLoads({ leaseId, requests }) {
      await requestLoads({ store, hub }, leaseId, requests);
      return {};
    },
    async setHost({ host, from, term }) {
      return { revision: await setHost(writer, { host: given("host", host), from, term }) };
    },
    async setFreeze({ freeze }) {
      return { revision: await setFreeze(writer, freeze) };
    },
  });
}

/** infaas.v1.RegistryService over these records. */
export function registryService({ registry }: MetadataRecords): Implementation {
  return implementService(RegistryService, {
    async putTaskRecord({ task, actor, readRevision }) {
      return await registry.putTask(given("task", task), { writer: actor, readRevision });
    },
    putArchitecture: ({ architecture, actor }) =>
      registry.putArchitecture(given("architecture", architecture), { writer: actor }),
    async putVariants({ architecture, version, variants, actor, readRevision }) {
      const writing = { writer: actor, readRevision };
      return { revision: await registry.putVariants(architecture, version, variants, writing) };
    },
    async deleteRecords({ name, withModels, actor }) {
      const { tasks, architectures, variants } = await registry.delete(name, { withModels, writer: actor });
      return { deleted: { tasks: [...tasks], architectures: [...architectures], variants: [...variants] } };
    },
  });
}

/** infaas.v1.JobRecordService over these records. */
export function jobRecordService({ jobs }: MetadataRecords): Implementation {
  return implementService(JobRecordService, {
    putJobRecord: async ({ job, actor }) => ({ job: await jobs.put(given("job", job), actor) }),
    advanceJobRecord: async (step) => ({ job: await jobs.advance(step) }),
    cancelJobRecord: async ({ name, actor, endedEpochMs }) => ({
      job: await jobs.cancel(name, { writer: actor, endedEpochMs }),
    }),
  });
}

function artifacts({ artifacts }: Metadata): Implementation {
  return implementService(ArtifactService, {
    async statArtifact({ digest, tenant }) {
      const { complete, receivedBytes } = await artifacts.stat(digest, tenant);
      return { complete, receivedBytes: BigInt(receivedBytes) };
    },
    async uploadArtifact(pieces) {
      return { totalBytes: BigInt(await artifacts.upload(pieces)) };
    },
    async *downloadArtifact({ digest, offset, tenant }) {
      for await (const { data, totalBytes } of artifacts.download(digest, offset, tenant)) {
        yield { data, totalBytes: BigInt(totalBytes) };
      }
    },
  });
}

function given<T>(what: string, message: T | undefined): T {
  if (message === undefined) throw new ServiceError(Code.INVALID_ARGUMENT, `${what} is not given`);
  return message;
}
