import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { Code, ServiceError } from "@infaas/runtime";

/** Why the system does not open a path, and what to do about it, by its error code. */
const reasons: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `there is no such file; looked for ${resolve(path)}`,
  EISDIR: () => "it is a folder; name a file",
  EEXIST: () => "it is a file; name a folder",
  ENOTDIR: (path) => `a part of ${resolve(path)} is a file where a folder is needed`,
  EACCES: () => "this user has no permission; change it with chmod, or name another",
  EPERM: () => "this user has no permission; change it with chmod, or name another",
  ELOOP: () => "its symbolic links lead in a circle; name the file itself",
  ENAMETOOLONG: () => "its name is too long; name another",
};

/** Returns the sentence for a path that the system did not open; null for a failure that is not the path's. */
export function pathFault(path: string, cause: unknown): string | null {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return code === undefined ? null : (reasons[code]?.(path) ?? null);
}

/**
 * Refuses a file of the command line that cannot be read, is a folder or is empty.
 * @param option Name of the option, with its dashes, or of the argument that holds the path.
 * @throws ServiceError INVALID_ARGUMENT with what to do.
 */
export function mustBeFile(option: string, path: string): void {
  const found = attempt(option, path, () => {
    accessSync(path, constants.R_OK);
    return statSync(path);
  });
  if (found.isDirectory()) throw unreadable(option, path, "it is a folder; name a file");
  if (found.isFile() && found.size === 0) throw unreadable(option, path, "it is empty; name another");
}

/** Refuses a folder of the command line that cannot be read, or is none. @throws as `mustBeFile`. */
export function mustBeFolder(option: string, path: string): void {
  const found = attempt(option, path, () => {
    accessSync(path, constants.R_OK | constants.X_OK);
    return statSync(path);
  });
  if (!found.isDirectory()) throw unreadable(option, path, "it is a file; name a folder");
}

/** Returns the content of a file that the command line names. @throws as `mustBeFile`. */
export function readNamedFile(option: string, path: string): Buffer {
  mustBeFile(option, path);
  return attempt(option, path, () => readFileSync(path));
}

function attempt<T>(option: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw unreadable(option, path, pathFault(path, cause) ?? (cause as Error).message, cause);
  }
}

function unreadable(option: string, path: string, why: string, cause?: unknown): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, `${option}: ${path} cannot be read: ${why}`, { cause });
}
