import { nameFault } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/** Throws INVALID_ARGUMENT when `name` cannot name a `what`. */
export function checkName(what: string, name: string): void {
  const fault = nameFault(what, name);
  if (fault !== null) throw new ServiceError(Code.INVALID_ARGUMENT, fault);
}
