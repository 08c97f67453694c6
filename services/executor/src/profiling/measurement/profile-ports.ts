import type { Clock } from "@infaas/runtime";
import type { EnginePort } from "../../engines/engine-port";

/** What profiling needs from the world; nothing of the running executor, so that it can live in a process of its own. */
export interface ProfilePorts {
  /** Resolves to the local path of an artifact. */
  readonly fetchModel: (digest: string) => Promise<string>;
  /** Uploads a file to the artifact store and resolves to its digest. */
  readonly storeArtifact: (path: string) => Promise<string>;
  readonly readArtifact: (digest: string) => Promise<Buffer>;
  readonly engines: EnginePort;
  /** Library and version behind `engines`, for example `onnxruntime 1.30.0`. */
  readonly engineVersion: string;
  readonly clock: Clock;
  readonly host: ProfiledHost;
  /** An existing folder for derived files; they are removed from it when profiling ends. */
  readonly scratchDir: string;
}

/** The host that figures are measured on. */
export interface ProfiledHost {
  readonly hostType: string;
  readonly cores: number;
  readonly memoryBytes: number;
}
