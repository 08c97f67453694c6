import { externalDataFault, type ModelRepositoryParameter } from "@infaas/api";

/** Files of a model as the parameters of a load carry them. */
export interface LoadFiles {
  /** The folder they lie in: the least version they are to have. */
  readonly version: number;
  readonly model: Uint8Array;
  /** Files that the model takes weights from, named relative to it. */
  readonly externalData: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** What the owner says of rows sharing batches; null when nothing. */
  readonly batchable: boolean | null;
}

/** The files, null when there are none, or one sentence on what is wrong with them. */
export type LoadFilesRead =
  | { readonly ok: true; readonly files: LoadFiles | null }
  | { readonly ok: false; readonly fault: string };

const PREFIX = "file:";
const PATH = /^(?<version>[1-9]\d{0,8})\/(?<name>.+)$/s;
const MODEL_FILE = "model.onnx";
const accepted = `${PREFIX}<version>/${MODEL_FILE} and ${PREFIX}<version>/<name> of what it takes weights from`;

/** Reads the `file:` parameters of a load, and `batchable` beside them. Pure; the bytes are not copied. */
export function readLoadFiles(parameters: Readonly<Record<string, ModelRepositoryParameter>>): LoadFilesRead {
  const found = new Map<string, Uint8Array>();
  const versions = new Set<number>();
  for (const [key, { parameterChoice }] of Object.entries(parameters)) {
    if (!key.startsWith(PREFIX)) continue;
    const { version, name } = PATH.exec(key.slice(PREFIX.length))?.groups ?? {};
    if (version === undefined || name === undefined)
      return fault(`'${key}' is no file of a model; accepted are ${accepted}`);
    if (parameterChoice.case !== "bytesParam") return fault(`'${key}' must be a bytes_param`);
    versions.add(Number(version));
    found.set(name, parameterChoice.value);
  }
  const [version, ...others] = versions;
  const stated = parameters.batchable?.parameterChoice;
  const batchable = stated?.case === "boolParam" ? stated.value : null;
  if (version === undefined)
    return batchable === null
      ? { ok: true, files: null }
      : fault("batchable is said of files that come with it; none came");
  if (others.length > 0)
    return fault(`files of versions ${[...versions].join(", ")} came; one version is loaded at a time`);
  const model = found.get(MODEL_FILE);
  if (model === undefined)
    return fault(`no '${PREFIX}${version}/${MODEL_FILE}' came; accepted are ${accepted}`);
  found.delete(MODEL_FILE);
  const externalData = [...found].map(([name, bytes]) => ({ name, bytes }));
  const wrong = externalDataFault(externalData);
  return wrong === null ? { ok: true, files: { version, model, externalData, batchable } } : fault(wrong);
}

function fault(sentence: string): LoadFilesRead {
  return { ok: false, fault: sentence };
}
