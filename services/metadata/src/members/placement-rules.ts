import {
  DeviceKind,
  type ExecutorPlacement,
  MemberKind,
  type PlacedVariant,
  type Variant,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { executorPlacementKey, memberKey, variantKey } from "../records/keys";
import { checkName } from "../records/names";
import { checkRead, type RecordView } from "../records/record-view";

/** Variants that one executor may be to hold, as many as it may report. */
export const PLACED_MAX = 10_000;
/** Highest priority of an entry. */
export const PRIORITY_MAX = 1_000;
/** Longest sentence that says why an instance is wanted, characters. */
export const PLAN_CHARS_MAX = 1_000;

/** Who may want an instance. */
const reasons = ["registration", "query", "autoscaler", "operator"];

/** Throws INVALID_ARGUMENT for an entry that no executor could have. */
export function checkEntry({ variant, reason, plan, priority }: Omit<PlacedVariant, "$typeName">): void {
  checkName("variant", variant);
  if (!reasons.includes(reason))
    throw new ServiceError(Code.INVALID_ARGUMENT, `reason "${reason}" is none of ${reasons.join(", ")}`);
  if (plan.length > PLAN_CHARS_MAX)
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `plan of ${plan.length} characters exceeds ${PLAN_CHARS_MAX}`,
    );
  if (priority < 0 || priority > PRIORITY_MAX)
    throw new ServiceError(Code.INVALID_ARGUMENT, `priority ${priority} is outside 0 to ${PRIORITY_MAX}`);
}

/** Throws INVALID_ARGUMENT for a placement that no executor could have. */
export function checkPlacement({ executor, variants }: ExecutorPlacement): void {
  checkName("executor", executor);
  if (variants.length > PLACED_MAX)
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `${variants.length} variants of executor "${executor}" exceed the ${PLACED_MAX} allowed`,
    );
  const seen = new Set<string>();
  for (const entry of variants) {
    checkEntry(entry);
    if (seen.has(entry.variant))
      throw new ServiceError(
        Code.INVALID_ARGUMENT,
        `variant "${entry.variant}" is placed on executor "${executor}" twice`,
      );
    seen.add(entry.variant);
  }
}

/**
 * Throws when the executor cannot run the variant: NOT_FOUND for an executor that has not joined, FAILED_PRECONDITION when it
 * lacks the variant's device.
 */
export function checkHost(view: RecordView, executor: string, variant: Variant): void {
  const member = executorMember(view, executor);
  if (member === null) throw new ServiceError(Code.NOT_FOUND, `no executor "${executor}" has joined`);
  const { deviceKinds } = member;
  if (deviceKinds.includes(variant.deviceKind)) return;
  const has = deviceKinds.map((kind) => DeviceKind[kind]).join(", ");
  const both = `variant "${variant.name}" runs on ${DeviceKind[variant.deviceKind]}, executor "${executor}" has ${has}`;
  throw new ServiceError(Code.FAILED_PRECONDITION, both);
}

/** The member record of an executor; null: it has not joined. */
export function executorMember(view: RecordView, executor: string) {
  const member = view.at(memberKey(executor))?.record.value;
  return member?.case === "member" && member.value.kind === MemberKind.EXECUTOR ? member.value : null;
}

/** Throws ABORTED when what the executor should hold changed after the revision up to which it was read. */
export function checkPlacementRead(view: RecordView, executor: string, readRevision: bigint): void {
  checkRead(view, executorPlacementKey(executor), `placement of executor "${executor}"`, readRevision);
}

/** Throws ABORTED when the variant changed after the revision up to which it was read. */
export function checkVariantRead(
  view: RecordView,
  { architecture, name }: Variant,
  readRevision: bigint,
): void {
  checkRead(view, variantKey(architecture, name), `variant "${name}"`, readRevision);
}
