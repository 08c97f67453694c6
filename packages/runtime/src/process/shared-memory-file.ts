import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  type Stats,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { Code, ServiceError } from "../errors";

/** Where POSIX shared memory lies on Linux. */
const FOLDER = "/dev/shm";
/** What a file name may have (NAME_MAX). */
const KEY_BYTES_MAX = 255;

/**
 * A POSIX shared-memory object opened by its key (what its maker gave shm_open). It is read and written
 * through its descriptor, never mapped: one that shrinks meanwhile gives a short read, where a mapping would
 * end the process.
 */
export class SharedMemoryFile {
  private constructor(
    readonly key: string,
    /** Tells this object from any other of the same key, on this host and on others. */
    readonly identity: string,
    private readonly descriptor: number,
  ) {}

  /** Opens an object. INVALID_ARGUMENT when the key is none, or nothing that can be opened has it. */
  static open(key: string, access: "read" | "write" = "write"): SharedMemoryFile {
    const path = pathOf(key);
    const flags = access === "read" ? constants.O_RDONLY : constants.O_RDWR;
    let descriptor: number;
    try {
      descriptor = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (cause) {
      throw unopened(key, (cause as NodeJS.ErrnoException).code ?? String(cause));
    }
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) {
      closeSync(descriptor);
      throw unopened(key, "it is no memory object");
    }
    return new SharedMemoryFile(key, identityOf(stats), descriptor);
  }

  /** Bytes it has now; null once it has been unlinked. */
  size(): number | null {
    const { size, nlink } = fstatSync(this.descriptor);
    return nlink === 0 ? null : size;
  }

  /**
   * Returns a copy of `bytes` bytes from `offset`: one copy, made by the kernel. INVALID_ARGUMENT beyond its
   * end.
   */
  read(offset: number, bytes: number): Uint8Array {
    this.check(offset, bytes);
    const copy = Buffer.allocUnsafe(bytes);
    let done = 0;
    while (done < bytes) {
      const count = readSync(this.descriptor, copy, done, bytes - done, offset + done);
      if (count === 0) throw this.tooShort(offset + done, offset, bytes);
      done += count;
    }
    return copy;
  }

  /** Writes all of `bytes` at `offset`. INVALID_ARGUMENT beyond its end: it is never made longer. */
  write(offset: number, bytes: Uint8Array): void {
    this.check(offset, bytes.byteLength);
    let done = 0;
    while (done < bytes.byteLength) {
      done += writeSync(this.descriptor, bytes, done, bytes.byteLength - done, offset + done);
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private check(offset: number, bytes: number): void {
    const size = this.size();
    if (size === null) {
      throw new ServiceError(Code.INVALID_ARGUMENT, `shared memory '${this.key}' was unlinked`);
    }
    if (offset + bytes > size) throw this.tooShort(size, offset, bytes);
  }

  private tooShort(size: number, offset: number, bytes: number): ServiceError {
    return new ServiceError(
      Code.INVALID_ARGUMENT,
      `shared memory '${this.key}' has ${size} bytes, ${bytes} at ${offset} were asked for`,
    );
  }
}

/** A key is one path component, with the slash that shm_open wants before it. */
function pathOf(key: string): string {
  const name = key.startsWith("/") ? key.slice(1) : key;
  const isPlain = name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
  if (!isPlain || Buffer.byteLength(name) > KEY_BYTES_MAX) {
    const allowed = `one name without slashes, of ${KEY_BYTES_MAX} bytes at most`;
    throw new ServiceError(Code.INVALID_ARGUMENT, `shared memory key is '${key}'; allowed: ${allowed}`);
  }
  return join(FOLDER, name);
}

function unopened(key: string, reason: string): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, `unable to open shared memory region: '${key}' (${reason})`);
}

let host: string | null = null;

function identityOf({ dev, ino, birthtimeMs }: Stats): string {
  host ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return `${host}/${dev}/${ino}/${birthtimeMs}`;
}
