import { decodeTensorProto, type ExampleFile, exampleFormatOf } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { readCsvExamples } from "./csv-examples";
import {
  EXAMPLE_UNPACKED_BYTES_MAX,
  type ExampleTensor,
  type FileTensor,
  faultIn,
  inputNamed,
  onlyInput,
} from "./example-tensor";
import { readJsonExamples } from "./json-examples";
import { readNpy } from "./npy";
import { readNpz } from "./npz";

/** Names that NumPy gives to arrays without one, by position. */
const NAMELESS = /^arr_(\d+)$/;
/** Files of `test_data_set_0`, which lie in the order of the inputs. */
const NUMBERED = /(?:^|\/)input_(\d+)\.pb$/;

/**
 * The tensors that files of examples hold, each for one input.
 * @throws ServiceError INVALID_ARGUMENT naming the file and input, what came and what is allowed.
 */
export async function readExamples(
  files: readonly ExampleFile[],
  inputs: readonly TensorSignature[],
): Promise<ExampleTensor[]> {
  const tensors: ExampleTensor[] = [];
  for (const file of files) tensors.push(...(await tensorsOf(file, inputs)));
  const bytes = tensors.reduce((sum, tensor) => sum + (tensor.bytes?.length ?? 0), 0);
  if (bytes > EXAMPLE_UNPACKED_BYTES_MAX)
    throw faultIn("examples", `they have ${bytes} bytes, at most ${EXAMPLE_UNPACKED_BYTES_MAX} are taken`);
  for (const [index, { input, source }] of tensors.entries()) {
    const before = tensors.slice(0, index).find((other) => other.input === input);
    if (before !== undefined) throw faultIn(source, `input '${input}' is also in ${before.source}`);
  }
  return tensors;
}

async function tensorsOf(
  { name: source, input, content }: ExampleFile,
  inputs: readonly TensorSignature[],
): Promise<ExampleTensor[]> {
  switch (exampleFormatOf(source)) {
    case ".npy": {
      const target = input === "" ? onlyInput(inputs, source) : inputNamed(inputs, input, source);
      return [{ input: target.name, source, ...npyOf(source, content) }];
    }
    case ".npz":
      return (await readNpz(source, content)).map(({ name, bytes }) => {
        const within = `${source}: ${name}`;
        return {
          input: arrayInput(name.replace(/\.npy$/, ""), inputs, source),
          source: within,
          ...npyOf(within, bytes),
        };
      });
    case ".json":
      return readJsonExamples(source, Buffer.from(content).toString(), inputs);
    case ".csv":
      return readCsvExamples(source, content, inputs, input);
    case ".pb":
      return [tensorProto(source, input, content, inputs)];
    case null:
      throw faultIn(source, "its ending is that of no format of examples");
  }
}

function npyOf(source: string, content: Uint8Array): FileTensor {
  const read = readNpy(content);
  if (read.ok) return read.value;
  throw faultIn(source, read.fault);
}

/** The input that an array of a `.npz` is for: the one of its name, else by position where NumPy has named it. */
function arrayInput(name: string, inputs: readonly TensorSignature[], source: string): string {
  const [, position] = NAMELESS.exec(name) ?? [];
  if (position !== undefined && inputs.every((input) => input.name !== name)) {
    const input = inputs[Number(position)];
    if (input !== undefined) return input.name;
  }
  return inputNamed(inputs, name, source).name;
}

function tensorProto(
  source: string,
  input: string,
  content: Uint8Array,
  inputs: readonly TensorSignature[],
): ExampleTensor {
  const read = decodeTensorProto(content);
  if (!read.ok) throw faultIn(source, read.fault);
  const { name, ...tensor } = read.value;
  const target = () => {
    if (input !== "") return inputNamed(inputs, input, source);
    const [, position] = NUMBERED.exec(source) ?? [];
    const own = inputs.find((known) => known.name === name);
    return (
      own ?? (position === undefined ? undefined : inputs[Number(position)]) ?? onlyInput(inputs, source)
    );
  };
  return { ...tensor, input: target().name, source };
}
