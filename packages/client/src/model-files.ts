import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { externalNameFault, externalNames, MODEL_FILE_BYTES_MAX, withFileBytes } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/** A file beside a model that holds some of its weights. */
export interface ExternalFile {
  /** As the model writes it, relative to its own folder. */
  readonly name: string;
  readonly path: string;
}

/**
 * The files that an ONNX file takes weights from, which lie beside it or in folders below.
 * @throws ServiceError INVALID_ARGUMENT for a file beyond protobuf's limit, one that is no ONNX file, a name that leads out
 * of the model's folder, or a file that is not there.
 */
export async function externalFilesOf(path: string): Promise<readonly ExternalFile[]> {
  const { size } = await stat(path);
  if (size > MODEL_FILE_BYTES_MAX) {
    const limit = `protobuf allows ${MODEL_FILE_BYTES_MAX}; save its weights as external data`;
    throw new ServiceError(Code.INVALID_ARGUMENT, `model file ${path} has ${size} bytes, ${limit}`);
  }
  const found = withFileBytes(path, externalNames);
  if (!found.ok) throw new ServiceError(Code.INVALID_ARGUMENT, `${path}: ${found.fault}`);
  const files = found.names.map((name) => ({ name, path: join(dirname(path), name) }));
  for (const file of files) await check(file);
  return files;
}

async function check({ name, path }: ExternalFile): Promise<void> {
  const fault = externalNameFault(name);
  if (fault !== null) throw new ServiceError(Code.INVALID_ARGUMENT, fault);
  const found = await stat(path).catch(() => null);
  if (found?.isFile() === true) return;
  throw new ServiceError(Code.INVALID_ARGUMENT, `the model's weights are also in ${path}, which is no file`);
}
