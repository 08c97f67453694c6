import { ArtifactService, type UploadArtifactRequest } from "@infaas/api";
import { readerOf, writerOf } from "@infaas/cluster";
import { type ClientOf, type Implementation, implementService } from "@infaas/runtime";

/**
 * Relay of metadata's artifact store, so that users need one address; files are streamed, not kept. What a caller uploads is
 * its tenant's; what it says of tenants itself is not looked at.
 */
export function artifactRelay(artifacts: ClientOf<typeof ArtifactService>): Implementation {
  return implementService(ArtifactService, {
    statArtifact: ({ digest }, { caller, signal }) =>
      artifacts.statArtifact({ digest, tenant: readerOf(caller) }, { signal }),
    uploadArtifact: (requests: AsyncIterable<UploadArtifactRequest>, { caller, signal }) =>
      artifacts.uploadArtifact(piecesOf(requests, writerOf(caller)?.tenant ?? ""), { signal }),
    downloadArtifact: ({ digest, offset }, { caller, signal }) =>
      artifacts.downloadArtifact({ digest, offset, tenant: readerOf(caller) }, { signal }),
  });
}

async function* piecesOf(requests: AsyncIterable<UploadArtifactRequest>, tenant: string) {
  for await (const request of requests) {
    request.tenant = tenant;
    yield request;
  }
}
