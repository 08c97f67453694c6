import { mail } from "./delivery-layout";
import { type BatcherHandle, native } from "./native";
import { NativeError } from "./native-error";
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
    this.#handle === undefined ? 0 : native().linkWatch(this.#handle),
  );
  readonly #mail: Float64Array;
  readonly #batchable: boolean;
  #handle: BatcherHandle | undefined;
  #arena: Uint8Array | undefined;
  /** Leases whose slab the add-on left with us; before that a release only counts down. */
  readonly #lent = new Set<Lease>();
  #leases = 0;
  #batches = 0;
  #onLeasesBack: (() => void) | undefined;

  constructor(mailbox: Float64Array, batchable: boolean) {
    this.#mail = mailbox;
    this.#batchable = batchable;
  }

  /** Connects to the open batcher, whose arena the outputs lie in. */
  attach(handle: BatcherHandle): void {
    this.#handle = handle;
    const arena = native().arena(handle);
    this.#arena = arena === undefined ? undefined : new Uint8Array(arena);
  }

  /** Calls back once no output is lent: at once, or at the last release. */
  whenLeasesBack(resume: () => void): void {
    if (this.#leases === 0) resume();
    else this.#onLeasesBack = resume;
  }

  /** The add-on's callback: one call per batch. Answers whether the batch's slab stays lent. */
  readonly onBatch = (buffers: readonly (ArrayBuffer | undefined)[], error: string | undefined): boolean => {
    const box = this.#mail;
    const members = box[mail.members]!;
    const dropped = box[mail.dropped]!;
    const droppedAt = mail.head + members * mail.memberNumbers;
    const refused: Pending[] = [];
    for (let i = 0; i < dropped; i++) refused.push(this.pending.take(box[droppedAt + i]!));
    const stopped = box[mail.stopped] === 1;
    const kept =
      error === undefined ? this.#answer(buffers, droppedAt + dropped) : this.#fail(members, error);
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

  #fail(members: number, error: string): boolean {
    const failed: Pending[] = [];
    for (let i = 0; i < members; i++) {
      const ticket = this.#mail[mail.head + i * mail.memberNumbers]!;
      if (ticket !== mail.ofLink) failed.push(this.pending.take(ticket));
    }
    const code = this.#mail[mail.failed] === mail.overdue ? "DEADLINE" : "ENGINE";
    for (const request of failed) answer(request, new NativeError(code, error), null);
    return false;
  }

  #answer(buffers: readonly (ArrayBuffer | undefined)[], outputsAt: number): boolean {
    const box = this.#mail;
    const members = box[mail.members]!;
    if (members === 0) return false;
    // A request that ran by itself gets all of every output, whatever its shape is.
    const whole = !this.#batchable || (members === 1 && box[mail.rows] === box[mail.paddedRows]);
    const outputs = this.#outputs(buffers, outputsAt);
    const copies = outputs.reduce((sum, output) => sum + output.rowBytes, 0) <= copyBytesMax;
    const lends = !copies && box[mail.slab]! >= 0;
    if (copies) for (const output of outputs) output.bytes = output.bytes.slice();
    const lease: Lease | undefined = lends ? { slab: box[mail.slab]!, left: 0 } : undefined;
    if (lease !== undefined) this.#leases++;
    const times: BatchTimes = {
      batchSize: box[mail.rows]!,
      batchId: ++this.#batches,
      gatherMs: box[mail.gatherMs]!,
      runMs: box[mail.runMs]!,
      scatterMs: box[mail.scatterMs]!,
    };
    // Everything is read from the mail before the first caller is answered: callers may submit, and close.
    const answers: [Pending, BatchResult][] = [];
    for (let i = 0, row = 0; i < members; i++) {
      const at = mail.head + i * mail.memberNumbers;
      const rows = box[at + 1]!;
      if (box[at] === mail.ofLink) {
        row += rows;
        continue;
      }
      const request = this.pending.take(box[at]!);
      const views = outputs.map((output) => (whole ? output.bytes : cut(output, row, rows)));
      const dims = outputs.map((output) => (whole ? output.dims : [rows, ...output.rowDims]));
      answers.push([request, new BatchResult(views, dims, box[at + 2]!, times, lease, this.#release)]);
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
      if (!held) this.#leaseBack();
      else this.#lent.add(lease);
    }
    return held;
  }

  readonly #release = (lease: Lease): void => {
    lease.left--;
    if (lease.left > 0 || !this.#lent.delete(lease)) return;
    native().release(this.#handle!, lease.slab);
    this.#leaseBack();
  };

  #leaseBack(): void {
    this.#leases--;
    if (this.#leases > 0) return;
    this.#onLeasesBack?.();
    this.#onLeasesBack = undefined;
  }

  #outputs(buffers: readonly (ArrayBuffer | undefined)[], outputsAt: number): Output[] {
    const box = this.#mail;
    const padded = this.#batchable ? box[mail.paddedRows]! : 1;
    const outputs: Output[] = [];
    for (let i = 0, at = outputsAt; i < box[mail.outputs]!; i++, at += mail.outputNumbers) {
      const buffer = buffers[i];
      const bytes = box[at + mail.outputBytes]!;
      const offset = box[at]!;
      const dims = Array.from(
        box.subarray(at + mail.outputDims, at + mail.outputDims + box[at + mail.outputRank]!),
      );
      outputs.push({
        bytes: buffer === undefined ? this.#arena!.subarray(offset, offset + bytes) : new Uint8Array(buffer),
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
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
