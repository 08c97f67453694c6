import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { EXAMPLE_BYTES_MAX, type ExampleFileSchema, encodeTensorProto, exampleFilesFault } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { Tensor } from "./tensor";

/** A file of examples for one input. */
export interface ExampleOfInput {
  readonly input: string;
  readonly path: string;
}

/**
 * Inputs that a model answers: the path of a `.npz`, `.json`, `.csv`, `.npy` or `.pb` file, one for an input, or a tensor.
 * One that has an axis less than the model's is one row, one with an axis more as many examples as that axis has.
 */
export type Example = string | ExampleOfInput | Tensor;

type ExampleFileInit = MessageInitShape<typeof ExampleFileSchema> & { name: string; content: Uint8Array };

/**
 * Examples as a registration sends them.
 * @throws ServiceError INVALID_ARGUMENT for another ending, more bytes than are taken and tensors of an unknown datatype,
 * NOT_FOUND for a file that cannot be read.
 */
export async function exampleFilesOf(examples: readonly Example[]): Promise<ExampleFileInit[]> {
  const files: ExampleFileInit[] = [];
  for (const example of examples) files.push(await fileOf(example));
  const fault = exampleFilesFault(files);
  if (fault !== null) throw new ServiceError(Code.INVALID_ARGUMENT, fault);
  return files;
}

async function fileOf(example: Example): Promise<ExampleFileInit> {
  if (typeof example === "string") return await read(example, "");
  if ("path" in example) return await read(example.path, example.input);
  const encoded = encodeTensorProto(example);
  if (encoded.ok) return { input: example.name, name: "tensor.pb", content: encoded.value };
  throw new ServiceError(Code.INVALID_ARGUMENT, `example of input '${example.name}': ${encoded.fault}`);
}

async function read(path: string, input: string): Promise<ExampleFileInit> {
  try {
    const { size } = await stat(path);
    if (size > EXAMPLE_BYTES_MAX) throw tooLarge(path, size);
    return { input, name: basename(path), content: new Uint8Array(await readFile(path)) };
  } catch (cause) {
    if (cause instanceof ServiceError) throw cause;
    throw new ServiceError(Code.NOT_FOUND, `examples ${path} cannot be read`, { cause });
  }
}

function tooLarge(path: string, bytes: number): ServiceError {
  const limit = `at most ${EXAMPLE_BYTES_MAX} are taken; a few rows are enough`;
  return new ServiceError(Code.INVALID_ARGUMENT, `examples ${path} have ${bytes} bytes, ${limit}`);
}
