import type { ImageHint, ListModelsResponse, Task, TensorSpec, TextHint } from "@infaas/api";
import type { Tensor } from "@infaas/client";
import { tensorFromNumbers } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import sharp, { type Sharp } from "sharp";
import type { Arguments } from "./command/verb";
import { mustBeFile, readNamedFile } from "./files/named-file";
import { tensorsFromJson } from "./files/tensor-file";
import { tensorSpecText } from "./report/tensor-spec";

/** Task and inputs that may not be left out (names, datatypes, shapes) of a target. */
export interface TargetInputs {
  readonly task: Task;
  readonly inputs: readonly TensorSpec[];
}

/**
 * Returns the inputs of a task, architecture or variant. Throws NOT_FOUND naming the known tasks.
 */
export function inputsOfTarget(listed: ListModelsResponse, target: string): TargetInputs {
  const variant = listed.variants.find((v) => v.name === target);
  const architecture = listed.architectures.find(
    (a) => a.name === (variant?.architecture ?? target) || a.aliases.includes(target),
  );
  const task = listed.tasks.find(
    (t) => t.name === (architecture?.task ?? target) || t.name.startsWith(`${target}/`),
  );
  const any = architecture ?? listed.architectures.find((a) => a.task === task?.name);
  if (task !== undefined && any !== undefined)
    return { task, inputs: any.inputs.filter(({ optional }) => !optional) };
  const known = listed.tasks.map((t) => t.name).join(", ") || "none";
  throw new ServiceError(
    Code.NOT_FOUND,
    `'${target}' is no registered task, architecture or variant; tasks: ${known}`,
  );
}

/** What a command line gives as input, read as far as it can be before its target is known. */
export type GivenInput =
  | { readonly kind: "image"; readonly path: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "tensors"; readonly tensors: readonly Tensor[] }
  | { readonly kind: "nothing" };

/** Reads `--image`, `--text` or `--tensor`. @throws ServiceError INVALID_ARGUMENT for several and unreadable files. */
export async function givenInput(args: Arguments): Promise<GivenInput> {
  const [path, text, tensor] = [args.text("image"), args.text("text"), args.text("tensor")];
  const given = [path, text, tensor].filter((value) => value !== undefined).length;
  if (given === 0) return { kind: "nothing" };
  if (given > 1) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `one of --image, --text and --tensor is needed, ${given} were given`,
    );
  }
  if (text !== undefined) return { kind: "text", text };
  if (tensor !== undefined)
    return {
      kind: "tensors",
      tensors: tensorsFromJson(tensor, readNamedFile("--tensor", tensor).toString()),
    };
  await ofPicture(path ?? "", (picture) => picture.metadata());
  return { kind: "image", path: path ?? "" };
}

/**
 * Turns an input into the tensors that a target takes.
 * @throws ServiceError INVALID_ARGUMENT where it cannot be one of the target's, or nothing was given and the target takes some.
 */
export async function tensorsFor(given: GivenInput, target: TargetInputs): Promise<readonly Tensor[]> {
  switch (given.kind) {
    case "image":
      return [await imageTensor(given.path, target)];
    case "text":
      return [textTensor(given.text, target)];
    case "tensors":
      return given.tensors;
    case "nothing":
      return noTensors(target);
  }
}

/** A model without inputs is asked with none. */
function noTensors({ inputs }: TargetInputs): readonly Tensor[] {
  if (inputs.length === 0) return [];
  const takes = inputs.map(tensorSpecText).join(", ");
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `one of --image, --text and --tensor is needed, none was given; it takes ${takes}`,
  );
}

async function imageTensor(path: string, { task, inputs }: TargetInputs): Promise<Tensor> {
  const spec = onlyInput(task.image, inputs, task.name, "image");
  const pixels = await pixelsOf(path, spec.hint);
  const values = Array.from(layOut(pixels, spec.hint), (pixel) => pixel * spec.hint.scale + spec.hint.offset);
  return tensorFromNumbers(spec.input.name, spec.input.datatype, batchOfOne(spec.input), values);
}

/** Decodes a picture to the hint's size: height × width × channels. */
function pixelsOf(path: string, { width, height, channels }: ImageHint): Promise<Uint8Array> {
  return ofPicture(path, async (picture) => {
    const sized = picture.resize(width, height, { fit: "fill" }).removeAlpha();
    return await (channels === 1 ? sized.greyscale() : sized.toColourspace("srgb")).raw().toBuffer();
  });
}

/** Resolves with what `act` makes of a picture file; INVALID_ARGUMENT for one that is no picture. */
async function ofPicture<T>(path: string, act: (picture: Sharp) => Promise<T>): Promise<T> {
  mustBeFile("--image", path);
  try {
    return await act(sharp(path));
  } catch (cause) {
    const [why = ""] = (cause as Error).message.split("\n");
    const sentence = `--image: ${path} cannot be read as a picture: ${why}; JPEG, PNG, WebP, GIF and TIFF are taken`;
    throw new ServiceError(Code.INVALID_ARGUMENT, sentence, { cause });
  }
}

/**
 * Converts height × width × channels (sharp's order) to the layout of the input; NCHW has one plane per
 * channel.
 */
function layOut(pixels: Uint8Array, { width, height, channels, layout }: ImageHint): Uint8Array {
  if (layout === "NHWC") return pixels;
  const plane = width * height;
  return Uint8Array.from(pixels, (_, i) => pixels[(i % plane) * channels + Math.floor(i / plane)] ?? 0);
}

function textTensor(text: string, { task, inputs }: TargetInputs): Tensor {
  const { input, hint } = onlyInput<TextHint>(task.text, inputs, task.name, "text");
  const ids = Array.from(text)
    .slice(0, hint.length)
    .map((c) => characterId(c, hint));
  const padded = [...ids, ...new Array<number>(hint.length - ids.length).fill(0)];
  return tensorFromNumbers(input.name, input.datatype, batchOfOne(input), padded);
}

function characterId(character: string, hint: TextHint): number {
  const index = Array.from(hint.alphabet).indexOf(character);
  return index < 0 ? hint.unknownId : index + 1;
}

function onlyInput<Hint>(hint: Hint | undefined, inputs: readonly TensorSpec[], task: string, kind: string) {
  const [input, ...more] = inputs;
  if (hint === undefined || input === undefined || more.length > 0) {
    const why = hint === undefined ? `says nothing of a ${kind}` : `takes ${inputs.length} inputs, not one`;
    throw new ServiceError(Code.INVALID_ARGUMENT, `--${kind} does not fit: '${task}' ${why}; use --tensor`);
  }
  return { hint, input };
}

/** The row's shape with the batch axis, the one free axis, set to one. */
function batchOfOne(input: TensorSpec): number[] {
  return input.shape.map((size) => (size < 0n ? 1 : Number(size)));
}
