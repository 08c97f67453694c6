import {
  type AdapterInput,
  adapterInput,
  encodeBytes,
  type ListModelsResponse,
  type Task,
  type TensorSpec,
} from "@infaas/api";
import type { Tensor } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import type { Arguments } from "./command/verb";
import { readNamedFile } from "./files/named-file";
import { pictureFormatOf } from "./files/picture-format";
import { tensorsFromJson } from "./files/tensor-file";
import { tensorSpecText } from "./report/tensor-spec";

/** A target's task, and what its architectures take in place of tensors. */
export interface QueryTarget {
  readonly task: Task;
  readonly takes: ReadonlySet<AdapterInput>;
  /** Tensors that may not be left out. */
  readonly inputs: readonly TensorSpec[];
}

/**
 * Returns what a task, architecture or variant takes. Throws NOT_FOUND naming the known tasks.
 */
export function targetOf(listed: ListModelsResponse, target: string): QueryTarget {
  const variant = listed.variants.find((v) => v.name === target);
  const architecture = listed.architectures.find(
    (a) => a.name === (variant?.architecture ?? target) || a.aliases.includes(target),
  );
  const task = listed.tasks.find(
    (t) => t.name === (architecture?.task ?? target) || t.name.startsWith(`${target}/`),
  );
  const asked =
    architecture === undefined ? listed.architectures.filter((a) => a.task === task?.name) : [architecture];
  if (task !== undefined && asked.length > 0) {
    const takes = asked.flatMap(({ adapter }) =>
      adapter === undefined ? [] : (adapterInput(adapter) ?? []),
    );
    const inputs = asked[0]?.inputs.filter(({ optional }) => !optional) ?? [];
    return { task, takes: new Set(takes), inputs };
  }
  const known = listed.tasks.map((t) => t.name).join(", ") || "none";
  throw new ServiceError(
    Code.NOT_FOUND,
    `'${target}' is no registered task, architecture or variant; tasks: ${known}`,
  );
}

/** What a command line gives as input, read before its target is known. */
export type GivenInput =
  | { readonly kind: AdapterInput; readonly bytes: Uint8Array }
  | { readonly kind: "tensors"; readonly tensors: readonly Tensor[] }
  | { readonly kind: "nothing" };

/** Reads `--image`, `--text` or `--tensor`. @throws ServiceError INVALID_ARGUMENT for several and unreadable files. */
export function givenInput(args: Arguments): GivenInput {
  const [path, text, tensor] = [args.text("image"), args.text("text"), args.text("tensor")];
  const given = [path, text, tensor].filter((value) => value !== undefined).length;
  if (given === 0) return { kind: "nothing" };
  if (given > 1) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `one of --image, --text and --tensor is needed, ${given} were given`,
    );
  }
  if (text !== undefined) return { kind: "text", bytes: Buffer.from(text) };
  if (tensor === undefined) return { kind: "image", bytes: readPicture(path ?? "") };
  const tensors = tensorsFromJson(`--tensor: ${tensor}`, readNamedFile("--tensor", tensor).toString());
  return { kind: "tensors", tensors };
}

/**
 * Returns the tensors of a query: a picture or text is sent as it is, and the server turns it into what the chosen model takes.
 * @throws ServiceError INVALID_ARGUMENT where the target takes no such thing, or nothing was given and it takes some.
 */
export function tensorsFor(given: GivenInput, target: QueryTarget): readonly Tensor[] {
  const { task, takes } = target;
  if (given.kind === "tensors") return given.tensors;
  if (given.kind === "nothing") return noTensors(target);
  const { kind, bytes } = given;
  if (takes.has(kind)) return [{ name: kind, datatype: "BYTES", shape: [1], bytes: encodeBytes([bytes]) }];
  const taken = [...takes].map((name) => `--${name}`).join(", ") || "--tensor";
  const sentence = `--${kind} does not fit: '${task.name}' has no model that takes one; use ${taken}`;
  throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
}

/** A model without inputs is asked with none. */
function noTensors({ takes, inputs }: QueryTarget): readonly Tensor[] {
  if (inputs.length === 0) return [];
  const taken = [...[...takes].map((name) => `--${name}`), ...inputs.map(tensorSpecText)].join(", ");
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `one of --image, --text and --tensor is needed, none was given; it takes ${taken}`,
  );
}

function readPicture(path: string): Uint8Array {
  const bytes = readNamedFile("--image", path);
  if (pictureFormatOf(bytes) !== null) return bytes;
  const sentence = `--image: ${path} cannot be read as a picture: it is neither JPEG, nor PNG, nor WebP`;
  throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
}
