import type { TensorPlacement } from "@infaas/api";
import { Code, ServiceError, SharedMemoryFile } from "@infaas/runtime";

/** Memory objects kept open; the least recently used is closed first. */
const FILES_MAX = 64;

/**
 * Bytes that one query reads from shared memory, and that one output writes there: as much as a message has.
 * They are copied on the thread that serves everybody and says that this executor is alive, at some 3 GB a
 * second.
 */
export const PLACED_BYTES_MAX = 64 * 1024 * 1024;

/** Tensors in shared memory of this host (decision 0014). */
export class SharedMemory {
  /** Least recently used first. */
  private readonly files = new Map<string, SharedMemoryFile>();

  /** Number of open objects. */
  get open(): number {
    return this.files.size;
  }

  /**
   * Returns a copy of the tensor. INVALID_ARGUMENT when the memory is gone, another, too short or on another
   * host.
   */
  read(placement: TensorPlacement): Uint8Array {
    const { offset, byteSize } = placement;
    return this.fileOf(placement).read(offset, byteSize);
  }

  /**
   * Writes a tensor; fails like `read`, with INVALID_ARGUMENT when it is larger than its place, and with
   * RESOURCE_EXHAUSTED beyond the bound.
   */
  write(placement: TensorPlacement, output: string, bytes: Uint8Array): void {
    if (bytes.byteLength > placement.byteSize) {
      const sentence = `shared memory size specified with the request for output '${output}' (${placement.byteSize} bytes) should be at least ${bytes.byteLength} bytes to hold the results`;
      throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
    }
    if (bytes.byteLength > PLACED_BYTES_MAX) {
      const sentence = `output '${output}' has ${bytes.byteLength} bytes, allowed in shared memory are ${PLACED_BYTES_MAX}`;
      throw new ServiceError(Code.RESOURCE_EXHAUSTED, sentence);
    }
    this.fileOf(placement).write(placement.offset, bytes);
  }

  /** Closes every object. */
  close(): void {
    for (const file of this.files.values()) file.close();
    this.files.clear();
  }

  private fileOf({ key, identity }: TensorPlacement): SharedMemoryFile {
    const known = this.files.get(key);
    this.files.delete(key);
    if (known !== undefined && known.identity === identity && known.size() !== null) {
      this.files.set(key, known);
      return known;
    }
    known?.close();
    this.dropUnlinked();
    const file = SharedMemoryFile.open(key);
    if (file.identity !== identity) {
      file.close();
      const sentence = `shared memory '${key}' is not what was registered: it was made anew, or this executor is on another host`;
      throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
    }
    this.files.set(key, file);
    return file;
  }

  /** An unlinked object takes memory until it is closed here. */
  private dropUnlinked(): void {
    for (const [key, file] of this.files) {
      if (file.size() !== null && this.files.size < FILES_MAX) continue;
      file.close();
      this.files.delete(key);
    }
  }
}
