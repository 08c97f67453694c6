import { ArtifactService, type UploadArtifactRequest } from "@infaas/api";
import { type ClientOf, type Implementation, implementService } from "@infaas/runtime";

/** Users reach one address: the frontend streams files to and from metadata's artifact store as they come. */
export function artifactRelay(artifacts: ClientOf<typeof ArtifactService>): Implementation {
  return implementService(ArtifactService, {
    statArtifact: (request, { signal }) => artifacts.statArtifact(request, { signal }),
    uploadArtifact: (requests: AsyncIterable<UploadArtifactRequest>, { signal }) =>
      artifacts.uploadArtifact(requests, { signal }),
    downloadArtifact: (request, { signal }) => artifacts.downloadArtifact(request, { signal }),
  });
}
