import { deliveryLayout, memberLayout, ofLinkTicket, outputLayout } from "./delivery-layout";
import { atEndOfTurn } from "./end-of-turn";
import { type BatcherHandle, native } from "./native";
import { NativeError, type NativeErrorCode } from "./native-error";
import { type Pending, PendingTable } from "./pending";
import { BatchResult, type BatchTimes, type Lease } from "./result";

/**
 * Outputs up to so many bytes a row are copied out, all rows of a batch at once: that costs less than keeping the slab away
 * from the next batch, and one piece of memory for each row cost 0.4 of 2.4 µs that a small request takes on this thread.
 */
const copyBytesMax = 16 * 1024;

interface Output {
  bytes: Uint8Array;
  readonly rowBytes: number;
  readonly dims: readonly number[];
  /** Without the batch axis. */
  readonly rowDims: readonly number[];
}

/**
 * Reads what engine threads deliver and answers the requests. It knows nothing of the Batcher in front of it, so that one
 * that was dropped can be collected while its requests are still answered.
 */
export class Deliveries {
  readonly pending = new PendingTable(() =>
    this.handle === undefined ? 0 : native().linkWatch(this.handle),
  );
  private handle: BatcherHandle | undefined;
  private arena: Uint8Array | undefined;
  /** Leases whose slab the add-on left with us; before that a release only counts down. */
  private readonly lent = new Set<Lease>();
  private leases = 0;
  private batches = 0;
  private onLeasesBack: (() => void) | undefined;

  constructor(
    private readonly numbers: Float64Array,
    private readonly batchable: boolean,
  ) {}

  /** Connects to the open batcher, whose arena the outputs lie in. */
  attach(handle: BatcherHandle): void {
    this.handle = handle;
    const arena = native().arena(handle);
    this.arena = arena === undefined ? undefined : new Uint8Array(arena);
  }

  /** Calls back once no output is lent: at once, or at the last release. */
  whenLeasesBack(resume: () => void): void {
    if (this.leases === 0) resume();
    else this.onLeasesBack = resume;
  }

  /** The add-on's callback: one call per batch. Answers whether the batch's slab stays lent. */
  readonly onBatch = (buffers: readonly (ArrayBuffer | undefined)[], error: string | undefined): boolean => {
    const { numbers } = this;
    const members = numbers[deliveryLayout.members]!;
    const dropped = numbers[deliveryLayout.dropped]!;
    const droppedAt = deliveryLayout.head + members * memberLayout.stride;
    const refused: Pending[] = [];
    for (let i = 0; i < dropped; i++) refused.push(this.pending.take(numbers[droppedAt + i]!));
    const stopped = numbers[deliveryLayout.stopped] === 1;
    const kept = error === undefined ? this.answer(buffers, droppedAt + dropped) : this.fail(members, error);
    for (const request of refused) {
      answer(
        request,
        stopped
          ? new NativeError("CLOSED", "the batcher was closed before the request ran")
          : new NativeError("DEADLINE", "the request could no longer be in time and left the queue"),
        null,
      );
    }
    this.pending.settle();
    return kept;
  };

  private fail(members: number, error: string): boolean {
    const failed: Pending[] = [];
    for (let i = 0; i < members; i++) {
      const ticket = this.numbers[deliveryLayout.head + i * memberLayout.stride + memberLayout.ticket]!;
      if (ticket !== ofLinkTicket) failed.push(this.pending.take(ticket));
    }
    for (const request of failed) answer(request, new NativeError(this.failureCode(), error), null);
    return false;
  }

  private failureCode(): NativeErrorCode {
    const is = (place: keyof typeof deliveryLayout) => this.numbers[deliveryLayout[place]] === 1;
    if (is("overdue")) return "DEADLINE";
    if (is("exhausted")) return "FULL";
    return is("refused") ? "INVALID" : "ENGINE";
  }

  private answer(buffers: readonly (ArrayBuffer | undefined)[], outputsAt: number): boolean {
    const { numbers } = this;
    const members = numbers[deliveryLayout.members]!;
    if (members === 0) return false;
    // A request that ran by itself gets all of every output, whatever its shape is.
    const whole =
      !this.batchable ||
      (members === 1 && numbers[deliveryLayout.rows] === numbers[deliveryLayout.paddedRows]);
    const outputs = this.outputs(buffers, outputsAt);
    const copies = outputs.reduce((sum, output) => sum + output.rowBytes, 0) <= copyBytesMax;
    const lends = !copies && numbers[deliveryLayout.slab]! >= 0;
    if (copies) for (const output of outputs) output.bytes = output.bytes.slice();
    const lease: Lease | undefined = lends ? { slab: numbers[deliveryLayout.slab]!, left: 0 } : undefined;
    if (lease !== undefined) this.leases++;
    const times: BatchTimes = {
      batchSize: numbers[deliveryLayout.rows]!,
      batchId: ++this.batches,
      gatherMs: numbers[deliveryLayout.gatherMs]!,
      runMs: numbers[deliveryLayout.runMs]!,
      scatterMs: numbers[deliveryLayout.scatterMs]!,
      runCpuMs: numbers[deliveryLayout.runCpuMs]!,
    };
    // Everything is read from the array before the first caller is answered: callers may submit, and close.
    const answers: [Pending, BatchResult][] = [];
    for (let i = 0, row = 0; i < members; i++) {
      const at = deliveryLayout.head + i * memberLayout.stride;
      const rows = numbers[at + memberLayout.rows]!;
      const ticket = numbers[at + memberLayout.ticket]!;
      if (ticket === ofLinkTicket) {
        row += rows;
        continue;
      }
      const request = this.pending.take(ticket);
      const views = outputs.map((output) => (whole ? output.bytes : cut(output, row, rows)));
      const dims = outputs.map((output) => (whole ? output.dims : [rows, ...output.rowDims]));
      answers.push([
        request,
        new BatchResult(views, dims, numbers[at + memberLayout.queueMs]!, times, lease, this.release),
      ]);
      row += rows;
    }
    if (lease !== undefined) lease.left = answers.length;
    let held = false;
    for (const [request, result] of answers) {
      if (request.answered) result.release();
      else answer(request, null, result);
    }
    if (lease !== undefined) {
      held = lease.left > 0;
      if (!held) this.leaseBack();
      else this.lent.add(lease);
    }
    return held;
  }

  private readonly release = (lease: Lease): void => {
    lease.left--;
    if (lease.left > 0 || !this.lent.delete(lease)) return;
    native().release(this.handle!, lease.slab);
    this.leaseBack();
  };

  private leaseBack(): void {
    this.leases--;
    if (this.leases > 0) return;
    this.onLeasesBack?.();
    this.onLeasesBack = undefined;
  }

  private outputs(buffers: readonly (ArrayBuffer | undefined)[], outputsAt: number): Output[] {
    const { numbers } = this;
    const padded = this.batchable ? numbers[deliveryLayout.paddedRows]! : 1;
    const outputs: Output[] = [];
    for (let i = 0, at = outputsAt; i < numbers[deliveryLayout.outputs]!; i++, at += outputLayout.stride) {
      const buffer = buffers[i];
      const bytes = numbers[at + outputLayout.bytes]!;
      const offset = numbers[at + outputLayout.offset]!;
      const dims = Array.from(
        numbers.subarray(at + outputLayout.dims, at + outputLayout.dims + numbers[at + outputLayout.rank]!),
      );
      outputs.push({
        bytes: buffer === undefined ? this.arena!.subarray(offset, offset + bytes) : new Uint8Array(buffer),
        rowBytes: bytes / padded,
        dims,
        rowDims: dims.slice(1),
      });
    }
    return outputs;
  }
}

function cut(output: Output, row: number, rows: number): Uint8Array {
  return output.bytes.subarray(row * output.rowBytes, (row + rows) * output.rowBytes);
}

/** Answers a caller once. What its callback throws is thrown after the others of its batch were answered. */
export function answer(request: Pending, error: NativeError | null, result: BatchResult | null): void {
  if (request.answered) return;
  request.answered = true;
  request.unlisten?.();
  try {
    request.done(error, result);
  } catch (thrown) {
    atEndOfTurn(() => {
      throw thrown;
    });
  }
}
