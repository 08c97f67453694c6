import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fromJsonString } from "@bufbuild/protobuf";
import { type Adapter, AdapterSchema, adapterFromPreprocessor } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/** What transformers writes beside a model of pictures. */
const PREPROCESSOR_FILE = "preprocessor_config.json";

/**
 * An adapter from JSON: `{image: {width, height, channels, layout, scale, ...}}` or `{text: {length, alphabet, unknownId}}`.
 * INVALID_ARGUMENT for anything else.
 */
export function adapterFromJson(text: string): Adapter {
  try {
    return fromJsonString(AdapterSchema, text);
  } catch (cause) {
    const { message } = ServiceError.from(cause);
    throw new ServiceError(Code.INVALID_ARGUMENT, `this is no adapter: ${message}`, { cause });
  }
}

/**
 * The adapter in `preprocessor_config.json` beside a model, for a model in a folder `onnx` also in the one above, as exporters
 * keep it; null where there is no such file.
 * @throws ServiceError INVALID_ARGUMENT for a file that says of no adapter.
 */
export function adapterBeside(model: string): Adapter | null {
  const folder = dirname(resolve(model));
  const folders = basename(folder) === "onnx" ? [folder, dirname(folder)] : [folder];
  const path = folders.map((at) => join(at, PREPROCESSOR_FILE)).find((at) => existsSync(at));
  if (path === undefined) return null;
  const refused = (why: string, cause?: unknown) => {
    const sentence = `${path} beside the model cannot be read: ${why}; state an adapter of your own (--adapter FILE), or leave it alone (--adapter none)`;
    return new ServiceError(Code.INVALID_ARGUMENT, sentence, { cause });
  };
  let config: unknown;
  try {
    config = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw refused((cause as Error).message, cause);
  }
  const read = adapterFromPreprocessor(Object(config) as Record<string, unknown>);
  if (read.ok) return read.value;
  throw refused(read.fault);
}
