import { Code, ServiceError } from "@infaas/runtime";

/** Longest name of anything, so that a key of three encoded names stays below the store's bound. */
export const nameMaxLength = 128;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._:@+/-]*$/;

/** Why `name` cannot name a `what`, or null when it can. */
export function nameFault(what: string, name: string): string | null {
  if (name === "") return `${what} has no name`;
  if (name.length > nameMaxLength)
    return `${what} name of ${name.length} characters exceeds ${nameMaxLength}`;
  if (namePattern.test(name)) return null;
  return `${what} name "${name}" may hold letters, digits and . _ : @ + / - only, and begins with a letter or digit`;
}

/** Throws INVALID_ARGUMENT when `name` cannot name a `what`. */
export function checkName(what: string, name: string): void {
  const fault = nameFault(what, name);
  if (fault !== null) throw new ServiceError(Code.INVALID_ARGUMENT, fault);
}
