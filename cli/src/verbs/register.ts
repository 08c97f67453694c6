import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { EXAMPLE_FORMATS, exampleFormatOf, RegistrationResultSchema } from "@infaas/api";
import {
  adapterBeside,
  adapterFromJson,
  type ExampleOfInput,
  type InfaasClient,
  mappingFromText,
  modelNameOf,
  paddingFromJson,
  type Registration,
} from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import { onlyPositional } from "../command/needs";
import type { Arguments, Verb } from "../command/verb";
import { withClient } from "../connect";
import { mustBeOnnx } from "../files/model-format";
import { mustBeFile, readNamedFile } from "../files/named-file";
import { registerWithProgress } from "../register-with-progress";
import { registrationLines } from "../report/registration-report";
import { messageSchema } from "../terminal/json-schema";

/** `infaas register`: registers one ONNX file; everything but the file is optional. */
export const register: Verb = {
  name: "register",
  usage: "FILE.onnx",
  summary: "upload a model, generate and profile its variants on this cluster; the file is enough",
  options: {
    name: { type: "string", doc: "Architecture name; the file's name unless given." },
    task: { type: "string", doc: "Task it serves, made if it does not exist; model/NAME unless given." },
    description: { type: "string", doc: "One sentence for people." },
    examples: {
      type: "strings",
      doc: "Inputs that the model answers, [INPUT=]FILE of .npy, .npz, .json, .csv or .pb; with --labels a raw file, row-major and little-endian, to measure accuracy with. May be repeated.",
    },
    labels: { type: "string", doc: "File of raw int32 class numbers, one for each raw example." },
    tolerance: {
      type: "number",
      unit: "share",
      least: 0,
      most: 1,
      doc: "Largest accuracy loss a derived precision may have, 0 to 1 or a percentage.",
      default: 0.01,
    },
    "declared-accuracy": {
      type: "number",
      unit: "share",
      least: 0,
      most: 1,
      doc: "Accuracy as stated by you, used only where the task has no examples.",
    },
    batchable: {
      type: "string",
      doc: "Yes or no, if you know whether rows may share a batch; found out unless given.",
    },
    size: {
      type: "string",
      doc: "Sizes of free axes to measure with, NAME=N separated by commas; NAME is the axis's own or INPUT.AXIS.",
    },
    "size-max": {
      type: "string",
      doc: "Largest sizes of free axes that requests may have, named as with --size; as the memory that was measured allows unless given.",
    },
    padding: {
      type: "string",
      doc: "JSON file {sizes, inputs: [{name, axis, value}], outputs: [{name, axis}]}, if requests may be padded to share batches.",
    },
    adapter: {
      type: "string",
      doc: "JSON file {image: {width, height, channels, layout, scale, ...}} or {text: {length, alphabet, unknownId}}: what turns pictures or texts into its tensor; as preprocessor_config.json beside the model says unless given; none leaves that file alone.",
    },
    map: {
      type: "strings",
      doc: "How a tensor of the file becomes the task's, TASK-TENSOR=FILE-TENSOR[@NHWC:NCHW][@cast]; may be repeated.",
    },
    alias: { type: "string", doc: "Another name for it." },
    retry: {
      type: "boolean",
      doc: "Try again what crashed, hung or ate memory lately, or is registered already.",
    },
  },
  outcome: messageSchema(RegistrationResultSchema),
  async run(args, terminal) {
    const given = { ...registrationOf(args), ...paddingOf(args.text("padding")) };
    mustReadFiles(args, given.path);
    const registration = { ...given, ...adapterOf(args.text("adapter"), given.path) };
    const result = await withClient(args, async (client) => {
      await putTask(client, args, registration);
      return registerWithProgress(client, registration, terminal);
    });
    terminal.result(result, (screen) => registrationLines(result, screen));
  },
};

function registrationOf(args: Arguments): Registration & { readonly name: string } {
  const path = onlyPositional(args, "ONNX file");
  const [task, alias, description] = [args.text("task"), args.text("alias"), args.text("description")];
  const declaredAccuracy = args.number("declared-accuracy");
  const batchable = yesOrNo("batchable", args.text("batchable"));
  return {
    path,
    name: args.text("name") ?? modelNameOf(path),
    accuracyTolerance: args.number("tolerance") ?? 0.01,
    retry: args.flag("retry"),
    axisSizes: sizesOf("size", args.text("size")),
    axisLimits: sizesOf("size-max", args.text("size-max")),
    mapping: args.texts("map").map(mappingFromText),
    examples: args.texts("examples").filter(isExample).map(exampleFromText),
    ...(task === undefined ? {} : { task }),
    ...(description === undefined ? {} : { description }),
    ...(declaredAccuracy === undefined ? {} : { declaredAccuracy }),
    ...(batchable === undefined ? {} : { batchable }),
    ...(alias === undefined ? {} : { aliases: [alias] }),
  };
}

/** Refuses what cannot be read or is no ONNX file, before anything is sent. */
function mustReadFiles(args: Arguments, path: string): void {
  mustBeOnnx(path);
  for (const text of args.texts("examples")) {
    const example = exampleFromText(text);
    mustBeFile("--examples", typeof example === "string" ? example : example.path);
  }
  const labels = args.text("labels");
  if (labels !== undefined) mustBeFile("--labels", labels);
}

function paddingOf(path: string | undefined): Pick<Registration, "padding"> {
  return path === undefined ? {} : { padding: paddingFromJson(readNamedFile("--padding", path).toString()) };
}

/** The adapter that is stated, else that of the files beside the model, which `none` leaves alone. */
function adapterOf(stated: string | undefined, model: string): Pick<Registration, "adapter"> {
  if (stated === "none") return {};
  if (stated !== undefined)
    return { adapter: adapterFromJson(readNamedFile("--adapter", stated).toString()) };
  const adapter = adapterBeside(model);
  return adapter === null ? {} : { adapter };
}

/**
 * Creates the named task or adds the given examples to it; with neither the frontend creates one.
 */
async function putTask(
  client: InfaasClient,
  args: Arguments,
  { name, task = `model/${name}` }: Registration & { readonly name: string },
): Promise<void> {
  const labels = args.text("labels");
  const [examples, ...others] = args.texts("examples").filter((text) => !isExample(text));
  if (others.length > 0 || (examples === undefined) !== (labels === undefined))
    throw new ServiceError(Code.INVALID_ARGUMENT, `${RAW_NEEDS}; examples without labels are ${FORMATS}`);
  if (examples !== undefined && labels !== undefined) {
    const count = (await stat(labels)).size / Int32Array.BYTES_PER_ELEMENT;
    const [inputsDigest, labelsDigest] = [await client.upload(examples), await client.upload(labels)];
    const validation = { dataset: basename(examples), inputsDigest, labelsDigest, count: Math.floor(count) };
    await client.putTask({ name: task, metric: "accuracy", validation });
    return;
  }
  if (args.text("task") === undefined) return;
  const { tasks } = await client.listModels();
  if (!tasks.some((known) => known.name === task)) await client.putTask({ name: task, metric: "accuracy" });
}

const FORMATS = EXAMPLE_FORMATS.join(", ");
const RAW_NEEDS = "--labels goes with one raw file of --examples, and a raw file with --labels";

/** Whether a value of `--examples` is a file of inputs, and not the raw file that labels go with. */
function isExample(text: string): boolean {
  return exampleFormatOf(text) !== null;
}

/** `[INPUT=]FILE`; what is a file as a whole names no input. */
function exampleFromText(text: string): string | ExampleOfInput {
  const at = text.indexOf("=");
  if (at < 1 || existsSync(text)) return text;
  return { input: text.slice(0, at), path: text.slice(at + 1) };
}

function yesOrNo(option: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (value === "yes" || value === "no") return value === "yes";
  throw new ServiceError(Code.INVALID_ARGUMENT, `--${option} is '${value}'; it may be yes or no`);
}

function sizesOf(option: string, text = ""): Record<string, number> {
  const pairs = text.split(",").filter((pair) => pair !== "");
  return Object.fromEntries(
    pairs.map((pair) => {
      // An axis may be called anything, also with an equals sign in it.
      const [, axis, size] = /^(.+)=([1-9]\d*)$/.exec(pair) ?? [];
      if (axis !== undefined) return [axis, Number(size)];
      throw new ServiceError(
        Code.INVALID_ARGUMENT,
        `--${option} has '${pair}'; it takes NAME=N with N from 1`,
      );
    }),
  );
}
