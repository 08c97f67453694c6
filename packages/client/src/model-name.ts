import { basename } from "node:path";
import { Code, ServiceError } from "@infaas/runtime";

/** Longest name an architecture may have. */
const NAME_LENGTH_MAX = 128;

/**
 * The architecture name that a model file stands for: its own without the ending, in small letters, with a dash for what
 * no name may hold.
 * @throws ServiceError INVALID_ARGUMENT when nothing of it is left.
 */
export function modelNameOf(path: string): string {
  const stem = basename(path)
    .replace(/\.onnx$/i, "")
    .toLowerCase();
  const name = stem
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+|[._-]+$/g, "")
    .slice(0, NAME_LENGTH_MAX);
  if (name !== "") return name;
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `file name '${basename(path)}' has no letter or digit to name the model by: give a name`,
  );
}
