import { basename } from "node:path";
import { NAME_MAX_LENGTH } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/**
 * The architecture name that a model file stands for: its own without the ending, with a dash for what no name may hold.
 * @throws ServiceError INVALID_ARGUMENT when nothing of it is left.
 */
export function modelNameOf(path: string): string {
  const stem = basename(path).replace(/\.onnx$/i, "");
  const name = stem
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[._-]+|[._-]+$/g, "")
    .slice(0, NAME_MAX_LENGTH);
  if (name !== "") return name;
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `file name '${basename(path)}' has no letter or digit to name the model by: give a name`,
  );
}
