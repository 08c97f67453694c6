/** Longest name that anyone gives to anything: a task, an architecture, an alias, a member. */
export const NAME_MAX_LENGTH = 128;
/**
 * Longest name that is made of a given one: a variant's, and the task of a model that was registered without
 * one.
 */
export const DERIVED_NAME_MAX_LENGTH = 192;
/** What the task of a model that was registered without one begins with; the model's name follows. */
export const ownTaskPrefix = "model/";

/** Whether a task was made for one model, whose owner named none. */
export function isOwnTask(name: string): boolean {
  return name.startsWith(ownTaskPrefix);
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._:@+/-]*$/;
const modelNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Why `name` cannot name a `what`, or null when it can. */
export function nameFault(what: string, name: string, maxLength = NAME_MAX_LENGTH): string | null {
  if (name === "") return `${what} has no name`;
  if (name.length > maxLength) return `${what} name of ${name.length} characters exceeds ${maxLength}`;
  if (namePattern.test(name)) return null;
  return `${what} name "${name}" may hold letters, digits and . _ : @ + / - only, and begins with a letter or digit`;
}

/**
 * Why a model cannot be registered under `name`, or null when it can: no `/` of tasks, no `:` and `@` of
 * requirements.
 */
export function modelNameFault(name: string): string | null {
  const fault = nameFault("model", name);
  if (fault !== null || modelNamePattern.test(name)) return fault;
  return `model name "${name}" may hold letters, digits and . _ - only, and begins with a letter or digit`;
}
