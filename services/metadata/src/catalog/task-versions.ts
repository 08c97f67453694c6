import { clone, create, equals } from "@bufbuild/protobuf";
import {
  type Architecture,
  isOwnTask,
  signatureFault,
  type Task,
  TaskSchema,
  type TaskSignature,
  TaskSignatureSchema,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/**
 * Returns a task as it is recorded when it is put: it stays its owner's, and a new one is `tenant`'s. Without a signature of its own it keeps the one it has, and another
 * signature, or other labels, make the next version.
 */
export function taskPut(asked: Task, before: Task | undefined, tenant: string): Task {
  const task = clone(TaskSchema, asked);
  task.owner = before === undefined ? tenant : before.owner;
  const { signature } = task;
  if (signature === undefined && before?.signature !== undefined) task.signature = before.signature;
  if (
    signature !== undefined &&
    signature.batchable === undefined &&
    before?.signature?.batchable !== undefined
  )
    signature.batchable = before.signature.batchable;
  task.version = before === undefined ? 1 : versionOf(before) + (sameInterface(task, before) ? 0 : 1);
  return task;
}

/**
 * Returns a task as it is recorded with one more architecture, or null when it stays as it is. The first architecture
 * gives its signature; a later one must fit it. A task made for one model alone follows that model.
 * @param others Newest versions of the task's other architectures, by name.
 * @throws ServiceError FAILED_PRECONDITION with both signatures.
 */
export function taskWith(task: Task, added: Architecture, others: readonly Architecture[]): Task | null {
  const [first] = others;
  // Records of earlier releases have architectures and no signature.
  const known = task.signature ?? (first === undefined ? undefined : signatureOf(first));
  const held = known === undefined ? task : { ...task, signature: known };
  const next = clone(TaskSchema, task);
  if (isOwnTask(task.name) && others.length === 0) {
    next.signature = signatureOf(added);
  } else {
    const fault = signatureFault(held, added);
    if (fault !== null) throw new ServiceError(Code.FAILED_PRECONDITION, fault);
    next.signature = known === undefined ? signatureOf(added) : clone(TaskSignatureSchema, known);
    next.signature.batchable ??= added.batchable;
  }
  next.version = versionOf(task) + (sameInterface(task, next) ? 0 : 1);
  return equals(TaskSchema, next, task) ? null : next;
}

function sameInterface(a: Task, b: Task): boolean {
  if (a.labels.join("\n") !== b.labels.join("\n")) return false;
  if (a.signature === undefined || b.signature === undefined) return true;
  const [before, after] = [clone(TaskSignatureSchema, a.signature), clone(TaskSignatureSchema, b.signature)];
  // Whether rows are counted is no change where it was not known.
  if (before.batchable === undefined || after.batchable === undefined) {
    before.batchable = false;
    after.batchable = false;
  }
  return equals(TaskSignatureSchema, before, after);
}

function signatureOf({ inputs, outputs, batchable }: Architecture): TaskSignature {
  return create(TaskSignatureSchema, { inputs, outputs, batchable });
}

/** Records of earlier releases have no version. */
function versionOf({ version }: Task): number {
  return Math.max(1, version);
}
