import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { adapterBeside, type InfaasClient, type Registration } from "@infaas/client";
import { type Clock, Code, ServiceError, sleep } from "@infaas/runtime";
import { mustBeOnnx } from "../files/model-format";
import { type FoundModel, findModels } from "./find-models";
import { type KnownModel, planFolder, RETRY_MS } from "./plan-folder";

/** How often the folder is looked at, ms: also where a file system tells of no changes. */
const LOOK_PERIOD_MS = 1_000;

/** What serves a folder of models. */
export interface ModelFolderOptions {
  readonly folder: string;
  /** File that says what is registered of the folder, for the next start. */
  readonly record: string;
  readonly client: Pick<InfaasClient, "delete" | "listModels">;
  readonly clock: Clock;
  /** Registers one model. */
  register(registration: Registration & { readonly name: string }): Promise<unknown>;
  note(line: string): void;
}

/**
 * A folder whose models are served: what is put there is registered, what is changed is registered anew, what is removed is deleted,
 * one after the other. Models that others registered are left alone. What fails is told once, and tried again when it
 * changes, or where nobody answered.
 */
export class ModelFolder {
  private known: ReadonlyMap<string, KnownModel>;
  private readonly stopped = new AbortController();
  private told: ReadonlySet<string> = new Set();
  private running: Promise<void> | null = null;

  constructor(private readonly o: ModelFolderOptions) {
    const registered = Object.entries(readRecord(o.record, o.folder));
    const since = { sinceMs: o.clock.nowMs(), refused: null, notBeforeMs: 0 };
    this.known = new Map(
      registered.map(([name, signature]) => [name, { ...since, signature, registered: signature }]),
    );
  }

  /** Serves what lies there now; resolves when all of it is registered or refused. Call once, then `watch`. */
  async serve(): Promise<void> {
    const beganAtMs = this.o.clock.nowMs();
    await this.forgetDeleted();
    do await this.look();
    while (this.isUnsettled(beganAtMs) && (await this.paused()));
  }

  /** Follows the folder from now on. */
  watch(): void {
    this.running = (async () => {
      while (await this.paused()) await this.look();
    })();
  }

  /** Resolves when nothing is under way any more; a registration that is goes on at the frontend. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
  }

  /** What is recorded as registered and is not there any more is registered again: its records may have been lost. */
  private async forgetDeleted(): Promise<void> {
    if (this.known.size === 0) return;
    const { architectures } = await this.o.client.listModels();
    const there = new Set(architectures.map(({ name }) => name));
    this.known = new Map([...this.known].filter(([name]) => there.has(name)));
  }

  private isUnsettled(beganAtMs: number): boolean {
    const waits = ({ signature, registered, refused }: KnownModel) =>
      signature !== registered && signature !== refused;
    const isRetried = ({ notBeforeMs }: KnownModel) => notBeforeMs > beganAtMs;
    return [...this.known.values()].some((model) => waits(model) && !isRetried(model));
  }

  private async paused(): Promise<boolean> {
    await sleep(this.o.clock, LOOK_PERIOD_MS, this.stopped.signal);
    return !this.stopped.signal.aborted;
  }

  private async look(): Promise<void> {
    const found = this.find();
    if (found === null) return;
    const { known, register, remove } = planFolder(this.known, found, this.o.clock.nowMs());
    this.known = known;
    for (const model of register) await this.unlessStopped(() => this.register(model));
    for (const name of remove) await this.unlessStopped(() => this.remove(name));
  }

  private async unlessStopped(act: () => Promise<void>): Promise<void> {
    if (!this.stopped.signal.aborted) await act();
  }

  /** What lies there; null while the folder itself cannot be read, which removes nothing. */
  private find(): readonly FoundModel[] | null {
    const { models, faults } = this.findOrFault();
    for (const fault of faults) if (!this.told.has(fault)) this.o.note(fault);
    this.told = new Set(faults);
    return models;
  }

  private findOrFault(): { models: readonly FoundModel[] | null; faults: readonly string[] } {
    try {
      return findModels(this.o.folder);
    } catch (error) {
      return { models: null, faults: [`--models: ${(error as Error).message}; what is served stays`] };
    }
  }

  private async register({ name, path, signature }: FoundModel): Promise<void> {
    await this.attempt(name, signature, path, async () => {
      mustBeOnnx(path);
      const adapter = adapterBeside(path);
      await this.o.register({ name, path, ...(adapter === null ? {} : { adapter }) });
      this.put(name, { registered: signature });
      this.o.note(`${name} is served, of ${path}`);
    });
  }

  private async remove(name: string): Promise<void> {
    await this.attempt(name, null, name, async () => {
      await this.o.client.delete(name).catch((error) => {
        if (ServiceError.from(error).code !== Code.NOT_FOUND) throw error;
      });
      this.put(name, { registered: null });
      this.o.note(`${name} is deleted: its files were removed`);
    });
  }

  /** Does what is due for a model; what fails is told, and tried again as its code says. */
  private async attempt(name: string, signature: string | null, of: string, act: () => Promise<void>) {
    try {
      await act();
    } catch (cause) {
      if (this.stopped.signal.aborted) return;
      const { code, message } = ServiceError.from(cause);
      const isPassing = signature === null || code === Code.UNAVAILABLE || code === Code.DEADLINE_EXCEEDED;
      const then = isPassing ? `tried again in ${RETRY_MS / 1_000} s` : "tried again when it changes";
      this.o.note(`${of}: ${message}; ${then}`);
      this.put(name, isPassing ? { notBeforeMs: this.o.clock.nowMs() + RETRY_MS } : { refused: signature });
    }
  }

  private put(name: string, change: Partial<KnownModel>): void {
    const before = this.known.get(name);
    if (before === undefined) return;
    this.known = new Map(this.known).set(name, { ...before, ...change });
    try {
      writeRecord(this.o.record, this.o.folder, this.known);
    } catch (error) {
      // What is registered is served; after the next start it is registered again, and a removed one stays.
      this.o.note(`--models: ${(error as Error).message}`);
    }
  }
}

/** Signatures of what is registered, by name; none where the record is of another folder, or cannot be read. */
function readRecord(record: string, folder: string): Readonly<Record<string, string>> {
  try {
    const read = JSON.parse(readFileSync(record, "utf8")) as {
      folder: string;
      models: Record<string, string>;
    };
    return read.folder === folder ? read.models : {};
  } catch {
    return {};
  }
}

function writeRecord(record: string, folder: string, known: ReadonlyMap<string, KnownModel>): void {
  const registered = [...known].filter(([, model]) => model.registered !== null);
  const models = Object.fromEntries(registered.map(([name, model]) => [name, model.registered]));
  writeFileSync(`${record}.new`, `${JSON.stringify({ folder, models }, null, 2)}\n`);
  renameSync(`${record}.new`, record);
}
