import { clone } from "@bufbuild/protobuf";
import {
  type Architecture,
  ArchitectureSchema,
  BatchingCertificate,
  sameMapping,
  type Task,
  type Variant,
  VariantSchema,
  type Writer,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { placementsWithout } from "../records/executor-placements";
import type { GuardedPlan, GuardedWriter } from "../records/guarded-writer";
import { architectureKey, taskKey, variantKey } from "../records/keys";
import { checkRead, type RecordView } from "../records/record-view";
import { encodeRecord, type RecordKind, type RecordOf } from "../records/records";
import type { StoreWrite } from "../store/store";
import type { ArtifactState } from "./artifacts";
import { architectureFaults, taskFaults } from "./catalog-rules";
import { checkOwner, findTask, newest, othersOf, requireTask, variantsOf, versions } from "./catalog-view";
import { type Deleted, type Deletion, planDeletion } from "./deletion";
import { filesOf } from "./named-files";
import { taskPut, taskWith } from "./task-versions";
import { familyFaults, variantFaults } from "./variant-rules";

/** Variants of one architecture. Replacing all by as many others takes two writes each. */
export const VARIANTS_MAX = 40;
/** Placements of executors that one write changes, beside the records that they lose; with these below 128, etcd's most. */
const HOLDERS_AT_ONCE_MAX = 40;
/** Characters of the reason that batching was ended for; a longer one is cut. */
const BATCHING_REASON_MAX = 1_000;
/** Bytes of one int32 label of a validation set. */
const LABEL_BYTES = 4;

/** What an executor found of a variant. */
export interface BatchingEnd {
  readonly variant: string;
  /** The file that it was found of. */
  readonly modelDigest: string;
  readonly reason: string;
}

/** Who writes, and what of. */
export interface Writing {
  /** Undefined: a member, or a user whom no token names. */
  readonly writer?: Writer | undefined;
  /** Revision up to which the records were seen that the new one was made of; default 0: it was made of none. */
  readonly readRevision?: bigint;
}

/** What the registry asks of the artifact store. */
export interface ArtifactLookup {
  /** As the tenant sees the file; a complete one is not collected before a record can name it. */
  keep(digest: string, tenant?: string): Promise<ArtifactState>;
}

/** What may exist. Every change is checked against everything else and written as a whole, or refused. */
export class Registry {
  constructor(
    private readonly writer: GuardedWriter,
    private readonly artifacts: ArtifactLookup,
  ) {}

  /**
   * Creates or replaces a task; see `taskPut` for its signature and version. Metric and validation set may not
   * change under variants whose accuracy was measured by them (FAILED_PRECONDITION); ALREADY_EXISTS when
   * something else has the name, PERMISSION_DENIED when it is another tenant's, ABORTED when it was made of a
   * record up to `readRevision` (0 = of none) that changed after it.
   */
  async putTask(
    task: Task,
    { writer, readRevision = 0n }: Writing = {},
  ): Promise<{ revision: bigint; task: Task }> {
    refuse(Code.INVALID_ARGUMENT, taskFaults(task));
    await this.checkValidation(task, writer);
    const { revision, result } = await this.writer.write((view) => {
      const before = findTask(view, task.name);
      if (before !== undefined) checkOwner(`task "${task.name}"`, before.owner, writer);
      if (readRevision > 0n) checkRead(view, taskKey(task.name), `task "${task.name}"`, readRevision);
      checkFree(view, task.name, { kind: "task", owner: task.name });
      const measured = view.of("variant").filter((variant) => variant.task === task.name);
      refuse(
        Code.FAILED_PRECONDITION,
        measured.flatMap((variant) => contradiction(task, variant)),
      );
      const recorded = taskPut(task, before, writer?.tenant ?? "");
      return { writes: [put(taskKey(task.name), "task", recorded)], result: recorded };
    });
    return { revision, task: result };
  }

  /**
   * Records an architecture. The newest version's own file again updates the description in place
   * (`unchanged`); another file is the next version, or the one asked for where that is later, and takes over
   * the aliases. It gives its task a signature or fits the task's (FAILED_PRECONDITION). PERMISSION_DENIED
   * when it or its task is another tenant's.
   */
  async putArchitecture(
    asked: Architecture,
    { writer }: Writing = {},
  ): Promise<{ architecture: Architecture; unchanged: boolean }> {
    refuse(Code.INVALID_ARGUMENT, architectureFaults(asked));
    for (const digest of filesOf(asked)) await this.checkComplete(digest, writer);
    const { result } = await this.writer.write((view) => planArchitecture(view, asked, writer));
    return result;
  }

  /**
   * Replaces the variants of an architecture by those of its newest version; earlier versions keep their
   * record, but are served no more. Placements of variants that are gone go too. ABORTED when they were made
   * of records up to `readRevision` (0 = of none) and one changed after it, PERMISSION_DENIED when the
   * architecture is another tenant's.
   */
  async putVariants(
    name: string,
    version: number,
    variants: readonly Variant[],
    { writer, readRevision = 0n }: Writing = {},
  ): Promise<bigint> {
    if (variants.length === 0 || variants.length > VARIANTS_MAX) {
      const both = `${variants.length} variants of "${name}" are outside the 1 to ${VARIANTS_MAX} allowed`;
      throw new ServiceError(Code.INVALID_ARGUMENT, both);
    }
    for (const digest of new Set(variants.flatMap(filesOf))) await this.checkComplete(digest, writer);
    const { revision } = await this.afterPlacements((view) =>
      planVariants(view, { name, version, variants, readRevision, writer }),
    );
    return revision;
  }

  /**
   * Records that rows of a variant share batches no longer. Returns false, and changes nothing, where the variant is gone, runs
   * another file by now, or is unbatched already. INVALID_ARGUMENT without a reason.
   */
  async endBatching(end: BatchingEnd): Promise<boolean> {
    refuse(Code.INVALID_ARGUMENT, end.reason === "" ? ["a reason to end batching is not given"] : []);
    const { result } = await this.writer.write((view) => planBatchingEnd(view, end));
    return result;
  }

  /** Deletes what bears a name, with all that belongs to it; see `planDeletion`. */
  async delete(name: string, deletion: Deletion = {}): Promise<Deleted> {
    const { result } = await this.afterPlacements((view) => planDeletion(view, name, deletion));
    return result;
  }

  /**
   * Writes a change after which some variants are gone, with the placements that no longer name them. Where those are too many
   * for one write the first ones go before it, with what else the change says unwritten.
   */
  private async afterPlacements<T>(
    plan: (view: RecordView) => { writes: readonly StoreWrite[]; gone: readonly string[]; result: T },
  ): Promise<{ readonly result: T; readonly revision: bigint }> {
    for (;;) {
      const { revision, result: done } = await this.writer.write((view) => {
        const { writes, gone, result } = plan(view);
        const holders = placementsWithout(view, new Set(gone));
        if (holders.length <= HOLDERS_AT_ONCE_MAX)
          return { writes: [...writes, ...holders], result: { result } };
        return { writes: holders.slice(0, HOLDERS_AT_ONCE_MAX), result: null };
      });
      if (done !== null) return { ...done, revision };
    }
  }

  private async checkComplete(digest: string, writer: Writer | undefined): Promise<number> {
    const tenant = writer === undefined || writer.shares ? "" : writer.tenant;
    const { complete, receivedBytes } = await this.artifacts.keep(digest, tenant);
    if (complete) return receivedBytes;
    const missing = `file ${digest} must be uploaded first; ${receivedBytes} bytes of it are here`;
    throw new ServiceError(Code.FAILED_PRECONDITION, missing);
  }

  private async checkValidation({ name, validation }: Task, writer: Writer | undefined): Promise<void> {
    if (validation === undefined) return;
    const inputs = await this.checkComplete(validation.inputsDigest, writer);
    const labels = await this.checkComplete(validation.labelsDigest, writer);
    const { count, adapted } = validation;
    const of = `of task "${name}" for ${count} examples`;
    refuse(Code.INVALID_ARGUMENT, [
      ...(labels === count * LABEL_BYTES
        ? []
        : [`labels ${of} are ${labels} bytes, must be ${count * LABEL_BYTES}`]),
      ...(adapted || inputs % count === 0
        ? []
        : [`inputs ${of} are ${inputs} bytes, not a whole number per example`]),
    ]);
  }
}

/** Whether both serve the same files in the same way: fitted to its task otherwise, a file gives other answers. */
function sameFiles(a: Architecture, b: Architecture): boolean {
  return filesOf(a).join() === filesOf(b).join() && sameMapping(a.mapping, b.mapping);
}

function planArchitecture(
  view: RecordView,
  asked: Architecture,
  writer: Writer | undefined,
): GuardedPlan<{ architecture: Architecture; unchanged: boolean }> {
  const task = requireTask(view, asked.task);
  checkOwner(`task "${task.name}"`, task.owner, writer);
  for (const name of [asked.name, ...asked.aliases]) {
    checkFree(view, name, { kind: "architecture", owner: asked.name });
  }
  const before = versions(view, asked.name).at(-1);
  if (before !== undefined) checkOwner(`architecture "${asked.name}"`, before.owner, writer);
  if (before !== undefined && before.task !== asked.task) {
    const both = `architecture "${asked.name}" belongs to task "${before.task}", not "${asked.task}"; delete it first`;
    throw new ServiceError(Code.FAILED_PRECONDITION, both);
  }
  const unchanged = before !== undefined && sameFiles(before, asked);
  const architecture = clone(ArchitectureSchema, asked);
  architecture.owner = before === undefined ? (writer?.tenant ?? "") : before.owner;
  architecture.version = unchanged ? before.version : Math.max(asked.version, (before?.version ?? 0) + 1);
  if (unchanged) checkAgainstVariants(view, architecture);
  const writes = [put(architectureKey(asked.name, architecture.version), "architecture", architecture)];
  if (before !== undefined && !unchanged && before.aliases.length > 0) writes.push(withoutAliases(before));
  const changed = taskWith(task, asked, othersOf(view, asked));
  if (changed !== null) writes.push(put(taskKey(task.name), "task", changed));
  return { writes, result: { architecture, unchanged } };
}

function planVariants(
  view: RecordView,
  asked: Required<Writing> & { name: string; version: number; variants: readonly Variant[] },
): { writes: readonly StoreWrite[]; gone: readonly string[]; result: null } {
  if (asked.readRevision > 0n) checkUnchanged(view, asked);
  const architecture = newest(view, asked.name);
  checkOwner(`architecture "${asked.name}"`, architecture.owner, asked.writer);
  if (architecture.version !== asked.version) {
    const both = `version ${asked.version} of "${asked.name}" is not its newest, which is ${architecture.version}`;
    throw new ServiceError(Code.FAILED_PRECONDITION, both);
  }
  const task = requireTask(view, architecture.task);
  refuse(Code.INVALID_ARGUMENT, [
    ...asked.variants.flatMap((variant) => variantFaults(variant, { architecture, task })),
    ...familyFaults(asked.variants, architecture),
  ]);
  for (const { name } of asked.variants) checkFree(view, name, { kind: "variant", owner: asked.name });
  const kept = new Set(asked.variants.map(({ name }) => name));
  const gone = variantsOf(view, asked.name).filter(({ name }) => !kept.has(name));
  const writes: StoreWrite[] = asked.variants.map((variant) =>
    put(variantKey(asked.name, variant.name), "variant", variant),
  );
  for (const { name } of gone) writes.push({ kind: "delete", key: variantKey(asked.name, name) });
  return { writes, gone: gone.map(({ name }) => name), result: null };
}

function planBatchingEnd(
  view: RecordView,
  { variant, modelDigest, reason }: BatchingEnd,
): GuardedPlan<boolean> {
  const recorded = view.of("variant").find(({ name }) => name === variant);
  if (recorded === undefined || recorded.modelDigest !== modelDigest || recorded.unbatched)
    return { writes: [], result: false };
  const ended = clone(VariantSchema, recorded);
  ended.unbatched = true;
  ended.batchingCertificate = BatchingCertificate.ALONE;
  ended.batchingEnded = reason.slice(0, BATCHING_REASON_MAX);
  const key = variantKey(ended.architecture, ended.name);
  return { writes: [put(key, "variant", ended)], result: true };
}

/** What was made of records that changed since would undo what changed them. */
function checkUnchanged(
  view: RecordView,
  asked: { name: string; variants: readonly Variant[]; readRevision: bigint },
): void {
  const names = new Set([...variantsOf(view, asked.name), ...asked.variants].map((variant) => variant.name));
  for (const name of names) {
    const key = variantKey(asked.name, name);
    checkRead(view, key, `variant "${name}"`, asked.readRevision);
    if (view.at(key) !== null) continue;
    const sentence = `variant "${name}" was deleted, it was read at ${asked.readRevision}; read it again`;
    throw new ServiceError(Code.ABORTED, sentence);
  }
}

/** An architecture record may be rewritten under its variants only if they still fit it. */
function checkAgainstVariants(view: RecordView, architecture: Architecture): void {
  const task = requireTask(view, architecture.task);
  const variants = variantsOf(view, architecture.name).filter(
    ({ version }) => version === architecture.version,
  );
  refuse(Code.FAILED_PRECONDITION, [
    ...variants.flatMap((variant) => variantFaults(variant, { architecture, task })),
    ...familyFaults(variants, architecture),
  ]);
}

function contradiction(task: Task, variant: Variant): string[] {
  const { accuracy } = variant;
  if (accuracy === undefined) return [];
  const has = `variant "${variant.name}" has accuracy by`;
  const faults: string[] = [];
  if (accuracy.metric !== task.metric)
    faults.push(`${has} metric "${accuracy.metric}", not "${task.metric}"`);
  const dataset = task.validation?.dataset ?? "";
  const measured = accuracy.sampleCount > 0;
  if (measured && accuracy.dataset !== dataset)
    faults.push(`${has} dataset "${accuracy.dataset}", not "${dataset}"`);
  return faults;
}

/** Queries name tasks, architectures, aliases and variants alike, so a name belongs to one of them. */
function checkFree(view: RecordView, name: string, by: { kind: RecordKind; owner: string }): void {
  const taken = (kind: string, owner: string) =>
    new ServiceError(Code.ALREADY_EXISTS, `name "${name}" is taken by ${kind} "${owner}"`);
  for (const task of view.of("task")) {
    if (task.name === name && by.kind !== "task") throw taken("task", task.name);
  }
  for (const architecture of view.of("architecture")) {
    const { name: owner, aliases } = architecture;
    if (by.kind === "architecture" && owner === by.owner) continue;
    if (owner === name) throw taken("architecture", owner);
    if (aliases.includes(name)) throw taken("an alias of architecture", owner);
  }
  for (const variant of view.of("variant")) {
    if (variant.name !== name || (by.kind === "variant" && variant.architecture === by.owner)) continue;
    throw taken(`a variant of architecture`, variant.architecture);
  }
}

function withoutAliases(architecture: Architecture): StoreWrite {
  const bare = clone(ArchitectureSchema, architecture);
  bare.aliases = [];
  return put(architectureKey(bare.name, bare.version), "architecture", bare);
}

function put<K extends RecordKind>(key: string, kind: K, value: RecordOf<K>): StoreWrite {
  return { kind: "put", key, value: encodeRecord(kind, value), leaseId: null };
}

function refuse(code: Code, faults: readonly string[]): void {
  if (faults.length > 0) throw new ServiceError(code, faults.join("; "));
}
