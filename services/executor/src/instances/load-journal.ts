import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, Code, ServiceError } from "@infaas/runtime";
import { instanceKey, type VariantSpec } from "./variant-spec";

/** Loads of one variant that a process may not survive: the first may have been a power cut, the second was no accident. */
export const LOAD_DEATHS_MAX = 2;
/** How long a variant rests that was the end of so many processes. */
export const LOAD_REST_MS = 3_600_000;

/** A load that was begun, as it lies on disk until it has ended. */
interface Note {
  /** Loads of this variant that were never ended. */
  readonly deaths: number;
  /** When the last of them was begun, milliseconds since 1970. */
  readonly begunAtMs: number;
}

/**
 * Which variants are being loaded, on disk: what is found there by the next process was the end of this one. A variant
 * that was it twice rests, so that neither a placement nor a query brings the executor down again and again.
 */
export class LoadJournal {
  private constructor(
    private readonly folder: string,
    private readonly clock: Clock,
    /** By file name. */
    private readonly notes: Map<string, Note>,
  ) {}

  /** Opens the journal of the process before. A note that cannot be read is forgotten. */
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
   * Runs a load with a note of it on disk until it ends, well or not.
   * @throws ServiceError FAILED_PRECONDITION, without a load, for a variant that rests.
   */
  async during<T>(spec: VariantSpec, load: () => Promise<T>): Promise<T> {
    const file = createHash("sha256").update(instanceKey(spec)).digest("hex");
    const before = this.notes.get(file);
    if (before !== undefined) this.refuse(spec, before);
    const path = join(this.folder, file);
    const note: Note = { deaths: (before?.deaths ?? 0) + 1, begunAtMs: this.clock.epochMs() };
    await writeFile(path, JSON.stringify(note));
    try {
      return await load();
    } finally {
      this.notes.delete(file);
      await rm(path, { force: true });
    }
  }

  /** A variant measured after its last death was asked for anew, and was loaded for that. */
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
