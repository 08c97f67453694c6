import { type CoreGateHandle, native } from "./native";
import { NativeError } from "./native-error";
import { threadsLimit } from "./open-options";

/**
 * The cores of a host, shared out among the batchers of all processes that open it by its file (`OpenOptions.cores`): together
 * they run no more threads than it has cores. The earliest latest start goes first, within shares by weight (decision 0043).
 */
export class CoreGate {
  /** By which processes of the same user open it, while this process has it. */
  readonly path: string;

  private constructor(
    readonly cores: number,
    private readonly handle: CoreGateHandle,
  ) {
    this.path = native().coreGatePath(handle);
  }

  /**
   * Makes the gate of a host with `cores` cores, a whole number from 1 to 1,024. Its memory is no file on a disk.
   * @throws NativeError INVALID for another number, Error when the system has no memory for it.
   */
  static make(cores: number): CoreGate {
    if (!Number.isInteger(cores) || cores < 1 || cores > threadsLimit)
      throw new NativeError(
        "INVALID",
        `cores is ${cores}, allowed are whole numbers from 1 to ${threadsLimit}`,
      );
    return new CoreGate(cores, native().coreGateMake(cores));
  }

  /** Cores that batches run on now; more than there are where one waited for cores longer than a minute. */
  get inUse(): number {
    return native().coreGateInUse(this.handle);
  }

  /** Frees what a process held that has ended. Resolves to false where another one that stands still kept it from that. */
  forget(pid: number): Promise<boolean> {
    return native().coreGateForget(this.handle, pid);
  }
}
