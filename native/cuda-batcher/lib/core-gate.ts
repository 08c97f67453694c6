import { type CoreGateHandle, native } from "./native";

/**
 * The cores of a host, shared out among the batchers of all processes that open it by its file (`OpenOptions.cores`): together
 * they run no more threads than it has cores. The earliest latest start goes first, within shares by weight (decision 0043).
 */
export class CoreGate {
  private constructor(
    /** Its file. */
    readonly path: string,
    readonly cores: number,
    private readonly handle: CoreGateHandle,
  ) {}

  /**
   * Makes the gate of a host with `cores` cores, a whole number from 1; a file at `path` is replaced.
   * @throws Error when the file can't be made.
   */
  static make(path: string, cores: number): CoreGate {
    return new CoreGate(path, cores, native().coreGateMake(path, cores));
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
