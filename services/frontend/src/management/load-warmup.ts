import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type DataType,
  datatypeBytes,
  EXAMPLE_BYTES_MAX,
  ExampleFileSchema,
  elementCount,
  encodeTensorProto,
  type ModelWarmup_Input,
} from "@infaas/api";
import { readConfig } from "./load-config";
import type { NamedBytes } from "./load-files";
import { datatypeName } from "./model-config";

type ExampleFileInit = MessageInitShape<typeof ExampleFileSchema>;

/** Examples that `model_warmup` of a config makes, or one sentence on what is wrong with it. */
export type WarmupRead =
  | { readonly ok: true; readonly examples: readonly ExampleFileInit[] }
  | { readonly ok: false; readonly fault: string };

/** Bytes of the length before each string. */
const LENGTH_BYTES = 4;

/**
 * Reads `model_warmup` of a config as examples of the model that comes with it: `input_data_file` is a raw tensor of the folder
 * `warmup`, `zero_data` zeros, `random_data` a shape whose values registration draws. The first sample counts; how often
 * Triton runs it says nothing here, where each instance answers the example once before it serves. Pure.
 * @param files What came in `file:warmup/`.
 */
export function readWarmup(config: string, files: readonly NamedBytes[]): WarmupRead {
  const read = readConfig(config);
  if (!read.ok) return read;
  const [sample] = read.config.modelWarmup;
  const inputs = Object.entries(sample?.inputs ?? {});
  const named = new Set(
    inputs.flatMap(([, { inputDataType: data }]) => (data.case === "inputDataFile" ? [data.value] : [])),
  );
  const stray = files.find(({ name }) => !named.has(name));
  if (stray !== undefined)
    return fault(`'file:warmup/${stray.name}' is no input_data_file of the config's first model_warmup`);
  const examples: ExampleFileInit[] = [];
  for (const [name, input] of inputs) {
    const example = exampleOf(name, input, files);
    if (typeof example === "string") return fault(`config: model_warmup of input '${name}' ${example}`);
    examples.push(example);
  }
  return { ok: true, examples };
}

function exampleOf(
  name: string,
  { dataType, dims, inputDataType: data }: ModelWarmup_Input,
  files: readonly NamedBytes[],
): ExampleFileInit | string {
  const datatype = datatypeName(dataType);
  const shape = dims.map(Number);
  if (datatype === null) return "has no data_type";
  if (!shape.every((size) => size >= 0)) return `has dims [${dims.join(", ")}]; sizes from 0 are allowed`;
  if (data.case === "randomData") return sizesOnly(name, datatype, shape);
  const bytes = data.case === "inputDataFile" ? contentOf(data.value, files) : zeros(datatype, shape);
  if (typeof bytes === "string") return bytes;
  const tensor = encodeTensorProto({ name, datatype, shape, bytes });
  return tensor.ok ? { input: name, name: "model_warmup.pb", content: tensor.value } : tensor.fault;
}

function sizesOnly(name: string, datatype: DataType, shape: readonly number[]): ExampleFileInit {
  const content = Buffer.from(JSON.stringify({ inputs: [{ name, datatype, shape }] }));
  return create(ExampleFileSchema, { name: "model_warmup.json", content });
}

function contentOf(file: string, files: readonly NamedBytes[]): Uint8Array | string {
  const found = files.find(({ name }) => name === file);
  return found?.bytes ?? `names '${file}', and no 'file:warmup/${file}' came`;
}

/** Zeros, or empty strings, each of which is a length of 0. */
function zeros(datatype: DataType, shape: readonly number[]): Uint8Array | string {
  const bytes = elementCount(shape) * (datatypeBytes(datatype) ?? LENGTH_BYTES);
  if (bytes <= EXAMPLE_BYTES_MAX) return new Uint8Array(bytes);
  return `has dims [${shape.join(", ")}], which take ${bytes} bytes; at most ${EXAMPLE_BYTES_MAX} are taken`;
}

function fault(sentence: string): WarmupRead {
  return { ok: false, fault: sentence };
}
