import { ownershipFault, type Writer } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/**
 * Throws PERMISSION_DENIED when a writer may not change what belongs to `owner`, before any work is done for it; metadata has
 * the last word.
 */
export function checkOwner(what: string, owner: string, writer: Writer | undefined): void {
  const fault = ownershipFault(what, owner, writer);
  if (fault !== null) throw new ServiceError(Code.PERMISSION_DENIED, fault);
}
