import type { Native, WireHandle } from "./native";

/** What a call or a link needs of its wire. */
export interface CallHost {
  readonly addon: Native;
  readonly handle: WireHandle;
  readonly messageMaxBytes: number;
  /** A call has ended. */
  forget(call: number): void;
}
