import type { Code } from "@infaas/runtime";
import type { ProfiledHost } from "../measurement/profile-ports";

/** What the executor tells the process that profiles one model. Protobuf messages travel as their bytes. */
export type ProfileOrder =
  | {
      readonly kind: "profile";
      /** A ProfileModelRequest. */
      readonly request: Uint8Array;
      /** Local paths of everything the request names, by digest. */
      readonly files: Readonly<Record<string, string>>;
      readonly host: ProfiledHost;
      readonly scratchDir: string;
      /** The sender: whoever gets this message dies with it. */
      readonly parentPid: number;
      /** Writable memory the process may get. */
      readonly dataBytesMax: number;
    }
  /** Answers `store`. */
  | { readonly kind: "stored"; readonly digest: string };

/** What the process that profiles one model tells the executor. */
export type ProfileReport =
  /** A ProfileModelResponse. */
  | { readonly kind: "event"; readonly event: Uint8Array }
  /** Wants a derived file uploaded; waits for `stored`. */
  | { readonly kind: "store"; readonly path: string }
  /** A refusal in the process's own words; nothing follows. */
  | { readonly kind: "refused"; readonly code: Code; readonly message: string };
