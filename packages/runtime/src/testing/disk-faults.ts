import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";

/** How writes fail. */
export interface DiskFault {
  readonly error: "ENOSPC" | "EIO";
  /** Number of the first write that fails, from 1, counted since `count`. */
  readonly first: number;
  /** Whether all after it fail too, until `stop`, as on a full disk; else it alone does. */
  readonly lasting: boolean;
}

/** Layout of the control file; disk-faults.c has the same. */
const CONTROL_BYTES = 512;
const AT = { calls: 0, first: 8, last: 16, error: 24, failed: 32, what: 40 } as const;
const NEVER = 0xffff_ffff;

/**
 * For tests: a disk whose writes can be made to fail, for processes that are started with its environment. Writes are all
 * calls that change files below its folders (write, sync, open to write, rename, unlink, …), numbered over all those
 * processes.
 */
export class FaultyDisk {
  private constructor(
    private readonly home: string,
    private readonly control: number,
    /** What a process needs to be started with. */
    readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** Compiles the preload library for these folders; null where there is no compiler, which is said on stderr. */
  static for(folders: readonly string[]): FaultyDisk | null {
    const home = mkdtempSync(join(tmpdir(), "infaas-faults-"));
    const [control, library] = [join(home, "control"), join(home, "disk-faults.so")];
    writeFileSync(control, Buffer.alloc(CONTROL_BYTES));
    const defines = [
      `-DFAULT_CONTROL=${JSON.stringify(control)}`,
      `-DFAULT_FOLDERS=${JSON.stringify(folders.join(":"))}`,
    ];
    const source = join(__dirname, "disk-faults.c");
    const built = spawnSync("cc", ["-shared", "-fPIC", "-O1", ...defines, "-o", library, source, "-ldl"]);
    if (built.status !== 0) {
      rmSync(home, { recursive: true });
      process.stderr.write(`SKIPPED: no C compiler, no writes are made to fail: ${built.stderr ?? ""}\n`);
      return null;
    }
    return new FaultyDisk(home, openSync(control, "r+"), { LD_PRELOAD: library });
  }

  /** Begins to count writes anew. */
  count(): void {
    this.set(AT.calls, 0);
    this.set(AT.failed, 0);
  }

  /** Makes writes fail from now on, counted from here. */
  fail({ error, first, lasting }: DiskFault): void {
    this.stop();
    this.set(AT.error, constants.errno[error]);
    this.set(AT.last, lasting ? NEVER : first);
    this.count();
    this.set(AT.first, first);
  }

  /** Lets writes succeed again. */
  stop(): void {
    this.set(AT.first, 0);
  }

  /** Writes since `count` or `fail`. */
  get writes(): number {
    return Number(this.read(AT.calls, 8).readBigUInt64LE());
  }

  /** Writes that failed since then. */
  get failures(): number {
    return Number(this.read(AT.failed, 8).readBigUInt64LE());
  }

  /** Function and path of the first write that failed; empty when none has. */
  get firstFailure(): string {
    const text = this.failures === 0 ? "" : this.read(AT.what, CONTROL_BYTES - AT.what).toString();
    return text.slice(0, Math.max(0, text.indexOf("\0")));
  }

  remove(): void {
    closeSync(this.control);
    rmSync(this.home, { recursive: true, force: true });
  }

  private set(at: number, value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    writeSync(this.control, bytes, 0, bytes.length, at);
  }

  private read(at: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    readSync(this.control, bytes, 0, length, at);
    return bytes;
  }
}

/**
 * Faults to try where `writes` were counted: with INFAAS_DISK_FAULTS=all each write once failing alone with EIO and once with
 * all after it with ENOSPC, else an even sample of so many.
 */
export function diskFaults(writes: number, sample: number): DiskFault[] {
  const all = Array.from({ length: writes }, (_, i): DiskFault[] => [
    { error: "EIO", first: i + 1, lasting: false },
    { error: "ENOSPC", first: i + 1, lasting: true },
  ]).flat();
  if (process.env.INFAAS_DISK_FAULTS === "all" || all.length <= sample) return all;
  return Array.from({ length: sample }, (_, i) => all[Math.floor(((i + 0.5) * all.length) / sample)]!);
}
