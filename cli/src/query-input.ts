import { access, constants, readFile } from "node:fs/promises";
import type { ImageHint, ListModelsResponse, Task, TensorSpec, TextHint } from "@infaas/api";
import type { Tensor } from "@infaas/client";
import { tensorFromNumbers, tensorFromTexts } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import sharp from "sharp";
import type { Arguments } from "./verb";

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

/** Turns `--image`, `--text` or `--tensor` into input tensors. */
export async function readInputs(args: Arguments, target: TargetInputs): Promise<readonly Tensor[]> {
  const [image, text, tensor] = [args.text("image"), args.text("text"), args.text("tensor")];
  const given = [image, text, tensor].filter((value) => value !== undefined).length;
  if (given !== 1) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `one of --image, --text and --tensor is needed, ${given} were given`,
    );
  }
  if (image !== undefined) return [await imageTensor(image, target)];
  if (text !== undefined) return [textTensor(text, target)];
  return readTensorFile(tensor ?? "");
}

async function imageTensor(path: string, { task, inputs }: TargetInputs): Promise<Tensor> {
  const spec = onlyInput(task.image, inputs, task.name, "image");
  await mustRead(path);
  const { width, height, channels } = spec.hint;
  const picture = sharp(path).resize(width, height, { fit: "fill" }).removeAlpha();
  const pixels = await (channels === 1 ? picture.greyscale() : picture.toColourspace("srgb"))
    .raw()
    .toBuffer();
  const values = Array.from(layOut(pixels, spec.hint), (pixel) => pixel * spec.hint.scale + spec.hint.offset);
  return tensorFromNumbers(spec.input.name, spec.input.datatype, batchOfOne(spec.input), values);
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

async function mustRead(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (cause) {
    throw new ServiceError(Code.NOT_FOUND, `${path} cannot be read`, { cause });
  }
}

async function readTensorFile(path: string): Promise<readonly Tensor[]> {
  await mustRead(path);
  const parsed: unknown = JSON.parse(await readFile(path, "utf8"));
  const inputs = (parsed as { inputs?: unknown }).inputs;
  if (!Array.isArray(inputs)) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `${path} has no 'inputs' list of {name, datatype, shape, data}`,
    );
  }
  return inputs.map(tensorOf);
}

function tensorOf(input: { name: string; datatype: string; shape: number[]; data: unknown }): Tensor {
  const data = [input.data].flat(Number.POSITIVE_INFINITY);
  if (input.datatype === "BYTES") return tensorFromTexts(input.name, input.shape, data.map(String));
  return tensorFromNumbers(input.name, input.datatype, input.shape, data.map(Number));
}
