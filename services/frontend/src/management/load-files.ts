import { EXAMPLE_FORMATS, externalDataFault, type ModelRepositoryParameter } from "@infaas/api";

/** A file by its name. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Files of a model as the parameters of a load carry them. */
export interface LoadFiles {
  /** The folder they lie in: the least version they are to have. */
  readonly version: number;
  readonly model: Uint8Array;
  /** Files that the model takes weights from, named relative to it. */
  readonly externalData: readonly NamedBytes[];
  /** Files of example inputs; `input` is the one that a file is for, empty where it says so itself. */
  readonly examples: readonly (NamedBytes & { readonly input: string })[];
  /** Raw tensors that `model_warmup` of the config names. */
  readonly warmup: readonly NamedBytes[];
  /** What the owner says of rows sharing batches; null when nothing. */
  readonly batchable: boolean | null;
}

/** The files, null when there are none, or one sentence on what is wrong with them. */
export type LoadFilesRead =
  | { readonly ok: true; readonly files: LoadFiles | null }
  | { readonly ok: false; readonly fault: string };

const PREFIX = "file:";
const MODEL_FILE = "model.onnx";
const IN_VERSION = /^(?<version>[1-9]\d{0,8})\/(?<name>.+)$/s;
const endings = `(?:${EXAMPLE_FORMATS.map((ending) => `\\${ending}`).join("|")})`;
const EXAMPLES = new RegExp(`^examples(?:/(?<input>.+))?${endings}$`, "s");
const WARMUP = /^warmup\/(?<name>.+)$/s;
const accepted = [
  `${PREFIX}<version>/${MODEL_FILE}`,
  `${PREFIX}<version>/<name> of what it takes weights from`,
  `${PREFIX}examples.npz (or ${EXAMPLE_FORMATS.join(" ")})`,
  `${PREFIX}examples/<input>.npy`,
  `${PREFIX}warmup/<name> of what model_warmup names`,
].join(", ");

/** Reads the `file:` parameters of a load, and `batchable` beside them. Pure; the bytes are not copied. */
export function readLoadFiles(parameters: Readonly<Record<string, ModelRepositoryParameter>>): LoadFilesRead {
  const versions = new Map<number, NamedBytes[]>();
  const examples: LoadFiles["examples"][number][] = [];
  const warmup: NamedBytes[] = [];
  for (const [key, { parameterChoice }] of Object.entries(parameters)) {
    if (!key.startsWith(PREFIX)) continue;
    const path = key.slice(PREFIX.length);
    const [inVersion, example, warm] = [IN_VERSION, EXAMPLES, WARMUP].map((form) => form.exec(path)?.groups);
    if (inVersion === undefined && example === undefined && warm === undefined)
      return fault(`'${key}' is no file of a model; accepted are ${accepted}`);
    if (parameterChoice.case !== "bytesParam") return fault(`'${key}' must be a bytes_param`);
    const bytes = parameterChoice.value;
    if (example !== undefined) examples.push({ input: example.input ?? "", name: path, bytes });
    else if (warm !== undefined) warmup.push({ name: warm.name ?? "", bytes });
    else {
      const version = Number(inVersion?.version);
      versions.set(version, [...(versions.get(version) ?? []), { name: inVersion?.name ?? "", bytes }]);
    }
  }
  const stated = parameters.batchable?.parameterChoice;
  const batchable = stated?.case === "boolParam" ? stated.value : null;
  return assemble(versions, { examples, warmup, batchable });
}

function assemble(
  versions: ReadonlyMap<number, readonly NamedBytes[]>,
  beside: Pick<LoadFiles, "examples" | "warmup" | "batchable">,
): LoadFilesRead {
  const [first, ...others] = versions;
  if (first === undefined) {
    if (beside.batchable !== null) return fault("batchable is said of files that come with it; none came");
    const [example] = [...beside.examples, ...beside.warmup];
    if (example === undefined) return { ok: true, files: null };
    return fault(`'${example.name}' came without a model; it goes with ${PREFIX}<version>/${MODEL_FILE}`);
  }
  if (others.length > 0)
    return fault(
      `files of versions ${[...versions.keys()].join(", ")} came; one version is loaded at a time`,
    );
  const [version, files] = first;
  const model = files.find(({ name }) => name === MODEL_FILE)?.bytes;
  if (model === undefined)
    return fault(`no '${PREFIX}${version}/${MODEL_FILE}' came; accepted are ${accepted}`);
  const externalData = files.filter(({ name }) => name !== MODEL_FILE);
  const wrong = externalDataFault(externalData);
  return wrong === null ? { ok: true, files: { version, model, externalData, ...beside } } : fault(wrong);
}

function fault(sentence: string): LoadFilesRead {
  return { ok: false, fault: sentence };
}
