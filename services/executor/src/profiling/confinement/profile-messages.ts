import type { Code } from "@infaas/runtime";
import type { ProfiledHost } from "../measurement/profile-ports";

/** Messages from the executor to a profiling process. Protobuf messages are encoded. */
export type ProfileOrder =
  | {
      readonly kind: "profile";
      /** A ProfileModelRequest. */
      readonly request: Uint8Array;
      /** Local path of each artifact that the request names, by digest. */
      readonly files: Readonly<Record<string, string>>;
      readonly host: ProfiledHost;
      readonly scratchDir: string;
      /** Path of the host's core gate; null: its cores are not shared out. */
      readonly coreGate: string | null;
      /** Process id of the sender; the profiling process ends when it does. */
      readonly parentPid: number;
      /** Writable memory of the process, bytes. */
      readonly dataBytesMax: number;
    }
  /** The answer to `store`. */
  | { readonly kind: "stored"; readonly digest: string };

/** Messages from a profiling process to the executor. */
export type ProfileReport =
  /** A ProfileModelResponse. */
  | { readonly kind: "event"; readonly event: Uint8Array }
  /** Asks for the upload of a derived file; `stored` answers. */
  | { readonly kind: "store"; readonly path: string }
  /** The registration is refused; the last message. */
  | { readonly kind: "refused"; readonly code: Code; readonly message: string };
