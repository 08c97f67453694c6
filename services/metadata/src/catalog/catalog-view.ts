import { type Architecture, ownershipFault, type Task, type Variant, type Writer } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { taskKey } from "../records/keys";
import type { RecordView } from "../records/record-view";

/** Throws PERMISSION_DENIED when `what` belongs to another tenant than the writer's; see `ownershipFault`. */
export function checkOwner(what: string, owner: string, writer: Writer | undefined): void {
  const fault = ownershipFault(what, owner, writer);
  if (fault !== null) throw new ServiceError(Code.PERMISSION_DENIED, fault);
}

/** All versions of an architecture, the oldest first; none where it is not registered. */
export function versions(view: RecordView, name: string): Architecture[] {
  const found = view.of("architecture").filter((architecture) => architecture.name === name);
  return found.sort((a, b) => a.version - b.version);
}

/** The version of an architecture that is served; NOT_FOUND where it is not registered. */
export function newest(view: RecordView, name: string): Architecture {
  const found = versions(view, name).at(-1);
  if (found === undefined) throw new ServiceError(Code.NOT_FOUND, `architecture "${name}" is not registered`);
  return found;
}

/** Variants of an architecture's newest version. */
export function variantsOf(view: RecordView, architecture: string): Variant[] {
  return view.of("variant").filter((variant) => variant.architecture === architecture);
}

/** Newest versions of the other architectures of its task, by name. */
export function othersOf(view: RecordView, { name, task }: Architecture): Architecture[] {
  const names = view.of("architecture").flatMap((other) => (other.task === task ? [other.name] : []));
  const others = [...new Set(names)].filter((other) => other !== name).sort();
  return others.map((other) => newest(view, other));
}

/** The task of this name; undefined where it is not registered. */
export function findTask(view: RecordView, name: string): Task | undefined {
  const record = view.at(taskKey(name))?.record.value;
  return record?.case === "task" ? record.value : undefined;
}

/** The task of this name; NOT_FOUND where it is not registered. */
export function requireTask(view: RecordView, name: string): Task {
  const task = findTask(view, name);
  if (task !== undefined) return task;
  throw new ServiceError(Code.NOT_FOUND, `task "${name}" is not registered`);
}
