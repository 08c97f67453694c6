import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, every, type Logger, type Timer } from "@infaas/runtime";
import { isRecordKey, rootPrefix } from "../records/keys";
import { decodeRecord } from "../records/records";
import type { MetadataStore } from "../store/store";
import { type FoundFile, LEAVING, PART, sizeOf, statOf, unlessMissing } from "./artifact-files";
import type { Artifacts } from "./artifacts";
import { digestsOf } from "./named-files";

/**
 * Time since its last use after which a file that no record names is collected, and a part that brought nothing: whoever
 * uploads may register later, and the longest registration takes a day.
 */
export const ARTIFACT_KEPT_MS = 24 * 60 * 60_000;
/** How often leftovers are looked for. */
const COLLECT_PERIOD_MS = 60 * 60_000;

export interface ArtifactCollectionOptions {
  readonly artifacts: Artifacts;
  readonly store: MetadataStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Collects leftovers: parts of broken uploads, and files that no record names.
 *
 * A file that is about to be named is never collected, whichever metadata process names it: whoever names a file marks it as
 * used first. A file is taken from its name, then looked at again: it was marked before, and goes back; or it will be marked
 * after, and is found missing, before a record names it (decision 0036). What a crash leaves in between is decided at the
 * next start.
 */
export class ArtifactCollection {
  private timer: Timer | null = null;
  private collected = 0;

  constructor(private readonly o: ArtifactCollectionOptions) {}

  /** Files and parts collected since the start. */
  get collectedCount(): number {
    return this.collected;
  }

  /** Collects now, then once an hour; a round that fails is logged. */
  async start(): Promise<void> {
    const failed = (error: unknown) => this.o.logger.warn("leftovers were not collected", { error });
    await this.collect().catch(failed);
    this.timer = every(this.o.clock, COLLECT_PERIOD_MS, () => this.collect(), failed);
  }

  close(): void {
    this.timer?.cancel();
  }

  async collect(): Promise<void> {
    const { files, space, uploading } = this.o.artifacts;
    this.collected += await space.dropParts(ARTIFACT_KEPT_MS, uploading);
    const common = await files.common();
    const unused = common.filter((file) => !/\./.test(file.name) && this.isUnused(file));
    const named = unused.length === 0 ? new Set<string>() : await this.named();
    const leaving = unused.filter(({ name }) => !named.has(name));
    for (const { path } of leaving) await unlessMissing(() => rename(path, `${path}${LEAVING}`));
    const left = common.filter(({ name }) => name.endsWith(LEAVING)).map(({ path }) => path);
    await this.decide([...left, ...leaving.map(({ path }) => `${path}${LEAVING}`)]);
    await this.dropUnlinked();
  }

  /** Removes files that have left their names, or gives them back. */
  private async decide(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    const named = await this.named();
    for (const path of paths) {
      const found = await statOf(path);
      if (found === null) continue;
      const whole = path.slice(0, -LEAVING.length);
      const hex = whole.slice(whole.lastIndexOf("/") + 1);
      if (named.has(hex) || !this.isUnused({ changedMs: found.mtimeMs })) {
        await unlessMissing(() => rename(path, whole));
        continue;
      }
      await this.removeLinks(hex, found.ino);
      await rm(path, { force: true });
      this.collected += 1;
      this.o.logger.info("collected a file that nothing names", { digest: hex, bytes: found.size });
    }
  }

  private async removeLinks(hex: string, ino: number): Promise<void> {
    const { files } = this.o.artifacts;
    for (const tenant of await files.tenants()) {
      const path = join(files.tenantFolder(tenant), hex);
      if ((await statOf(path))?.ino === ino) await rm(path, { force: true });
    }
  }

  /** A tenant's file that never was everybody's, because a process ended in between. */
  private async dropUnlinked(): Promise<void> {
    const { files } = this.o.artifacts;
    for (const tenant of await files.tenants()) {
      for (const file of await files.of(tenant)) {
        if (file.name.endsWith(PART) || !this.isUnused(file)) continue;
        const whole = join(files.folder, file.name);
        const sizes = await Promise.all([whole, `${whole}${LEAVING}`].map(sizeOf));
        if (sizes.some((size) => size !== null)) continue;
        await rm(file.path, { force: true });
        this.collected += 1;
      }
    }
  }

  private isUnused({ changedMs }: Pick<FoundFile, "changedMs">): boolean {
    return changedMs <= this.o.clock.epochMs() - ARTIFACT_KEPT_MS;
  }

  /**
   * Names of all files that records name, as the store has them now. Throws for a record that cannot be read: it may name
   * any.
   */
  private async named(): Promise<ReadonlySet<string>> {
    const { entries } = await this.o.store.list(rootPrefix);
    const records = entries.filter(({ key }) => isRecordKey(key));
    const digests = records.flatMap(({ key, value }) => digestsOf(decodeRecord(key, value)));
    return new Set(digests.map((digest) => digest.slice(digest.indexOf(":") + 1)));
  }
}
