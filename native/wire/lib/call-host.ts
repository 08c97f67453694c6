import type { Inflater } from "./inflate";
import type { Native, WireHandle } from "./native";

/** What a call or a link needs of its wire. */
export interface CallHost {
  readonly addon: Native;
  readonly handle: WireHandle;
  readonly inflater: Inflater;
  /** A call has ended. */
  forget(call: number): void;
}
