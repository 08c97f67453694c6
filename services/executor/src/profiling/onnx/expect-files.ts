import { externalNameFault, externalNames, MODEL_FILE_BYTES_MAX, withFileBytes } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/**
 * Makes sure, before any engine opens it, that a model takes weights from those files only that were registered with it: an
 * ONNX file may name any path of the machine it is opened on.
 * @throws ServiceError INVALID_ARGUMENT for another file, a missing one, a file that is no model or one beyond protobuf's limit.
 */
export function expectFiles(path: string, given: readonly { readonly name: string }[]): void {
  const fault = withFileBytes(path, (bytes) => {
    if (bytes.size > MODEL_FILE_BYTES_MAX)
      return `model file has ${bytes.size} bytes, protobuf allows ${MODEL_FILE_BYTES_MAX}`;
    const found = externalNames(bytes);
    return found.ok ? namesFault(found.names, new Set(given.map(({ name }) => name))) : found.fault;
  });
  if (fault !== null) throw new ServiceError(Code.INVALID_ARGUMENT, fault);
}

function namesFault(names: readonly string[], given: ReadonlySet<string>): string | null {
  for (const name of names) {
    const fault = externalNameFault(name);
    if (fault !== null) return fault;
    if (!given.has(name)) {
      const registered = given.size === 0 ? "none" : [...given].slice(0, NAMED_MAX).join(", ");
      return `the model takes weights from ${JSON.stringify(name)}, registered with it were: ${registered}`;
    }
  }
  return null;
}

/** Files named in a refusal. */
const NAMED_MAX = 8;
