import { ArtifactService, type UploadArtifactRequest } from "@infaas/api";
import { type ClientOf, type Implementation, implementService } from "@infaas/runtime";

/** Relay of metadata's artifact store, so that users need one address; files are streamed, not kept. */
export function artifactRelay(artifacts: ClientOf<typeof ArtifactService>): Implementation {
  return implementService(ArtifactService, {
    statArtifact: (request, { signal }) => artifacts.statArtifact(request, { signal }),
    uploadArtifact: (requests: AsyncIterable<UploadArtifactRequest>, { signal }) =>
      artifacts.uploadArtifact(requests, { signal }),
    downloadArtifact: (request, { signal }) => artifacts.downloadArtifact(request, { signal }),
  });
}
