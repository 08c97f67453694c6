import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, Code, ServiceError } from "@infaas/runtime";
import { instanceKey, type VariantSpec } from "./variant-spec";

/** Unfinished loads of one variant after which it rests: one may have been a power cut. */
export const LOAD_DEATHS_MAX = 2;
/** How long it rests, from the start of the last one. */
export const LOAD_REST_MS = 3_600_000;

/** A file that is on disk while a load runs. */
interface Note {
  /** Loads of this variant during which the process ended. */
  readonly deaths: number;
  /** Start of the last of them, milliseconds since 1970. */
  readonly begunAtMs: number;
}

/**
 * A journal on disk of the loads in progress. A note that a new process finds is of a load during which the
 * last process ended. After two of them the variant rests, so that no placement ends the executor again and
 * again.
 */
export class LoadJournal {
  private constructor(
    private readonly folder: string,
    private readonly clock: Clock,
    /** By name of the file. */
    private readonly notes: Map<string, Note>,
  ) {}

  /** Opens the journal that the last process left. A note that cannot be read is ignored. */
  static async open(folder: string, clock: Clock): Promise<LoadJournal> {
    await mkdir(folder, { recursive: true });
    const notes = new Map<string, Note>();
    for (const file of await readdir(folder)) {
      const note = parse(await readFile(join(folder, file), "utf8"));
      if (note !== null) notes.set(file, note);
    }
    return new LoadJournal(folder, clock, notes);
  }

  /**
   * Runs a load with a note of it on disk until it succeeds or fails. Where the disk takes no note the load
   * runs all the same; a note that it does not let go of counts only if the process ends.
   * @throws ServiceError FAILED_PRECONDITION, before loading, for a variant that rests.
   */
  async during<T>(spec: VariantSpec, load: () => Promise<T>): Promise<T> {
    const file = createHash("sha256").update(instanceKey(spec)).digest("hex");
    const before = this.notes.get(file);
    if (before !== undefined) this.refuse(spec, before);
    const path = join(this.folder, file);
    const note: Note = { deaths: (before?.deaths ?? 0) + 1, begunAtMs: this.clock.epochMs() };
    await writeFile(path, JSON.stringify(note)).catch(() => undefined);
    try {
      return await load();
    } finally {
      this.notes.delete(file);
      await rm(path, { force: true }).catch(() => undefined);
    }
  }

  /**
   * A variant that was measured after the last unfinished load does not rest: registration has loaded it
   * since.
   */
  private refuse({ name, measuredAtMs = 0 }: VariantSpec, { deaths, begunAtMs }: Note): void {
    const leftMs = begunAtMs + LOAD_REST_MS - this.clock.epochMs();
    if (deaths < LOAD_DEATHS_MAX || leftMs <= 0 || measuredAtMs > begunAtMs) return;
    const again = `it is tried again in ${Math.ceil(leftMs / 1_000)} s, or once registered with retry`;
    throw new ServiceError(
      Code.FAILED_PRECONDITION,
      `this executor died ${deaths} times while it loaded ${name}, allowed are ${LOAD_DEATHS_MAX - 1}; ${again}`,
    );
  }
}

function parse(text: string): Note | null {
  try {
    const { deaths, begunAtMs } = JSON.parse(text) as Partial<Note>;
    return typeof deaths === "number" && typeof begunAtMs === "number" ? { deaths, begunAtMs } : null;
  } catch {
    return null;
  }
}
