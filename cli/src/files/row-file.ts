import { createReadStream } from "node:fs";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import { encodeBytes } from "@infaas/api";
import type { JobInputRow, Tensor } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import { mustBeFile, readNamedFile } from "./named-file";
import { pictureFormatOf } from "./picture-format";
import { tensorsFromJson } from "./tensor-file";

const FORMS =
  '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1]}]}, {"text": "..."} or {"image": "FILE"}, each with an "id" if wanted';

/**
 * The rows of a file in NDJSON, a request a line: its tensors as the Open Inference Protocol writes them, a text, or a picture by
 * its path from the file's folder; empty lines are none.
 * @throws ServiceError INVALID_ARGUMENT with the line that is wrong and what is taken.
 */
export async function* rowsFromFile(path: string): AsyncGenerator<JobInputRow> {
  mustBeFile("--input", path);
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    line++;
    if (text.trim() !== "") yield rowOf(text, { source: `--input: line ${line} of ${path}`, path });
  }
}

interface Place {
  /** Names the line in what is thrown. */
  readonly source: string;
  readonly path: string;
}

function rowOf(text: string, { source, path }: Place): JobInputRow {
  const fields = fieldsOf(text, source);
  const id = fields.id === undefined ? {} : { id: String(fields.id) };
  const given = ["inputs", "text", "image"].filter((name) => fields[name] !== undefined);
  if (given.length !== 1)
    throw refused(
      source,
      `it has ${given.length === 0 ? "none" : given.join(" and ")} of inputs, text and image`,
    );
  if (fields.inputs !== undefined) return { ...id, inputs: tensorsFromJson(source, text) };
  const [kind, value] = fields.text !== undefined ? ["text", fields.text] : ["image", fields.image];
  if (typeof value !== "string") throw refused(source, `its ${kind} is no text`);
  const bytes = kind === "text" ? Buffer.from(value) : readPicture(resolve(dirname(path), value), source);
  return { ...id, inputs: [adapted(kind as string, bytes)] };
}

function fieldsOf(text: string, source: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refused(source, `it is no JSON: ${(cause as Error).message}`, cause);
  }
  return Object(value);
}

function readPicture(path: string, source: string): Uint8Array {
  const bytes = readNamedFile(source, path);
  if (pictureFormatOf(bytes) !== null) return bytes;
  throw refused(source, `${path} is neither JPEG, nor PNG, nor WebP`);
}

/** What a model with an adapter takes in place of its tensor. */
function adapted(name: string, bytes: Uint8Array): Tensor {
  return { name, datatype: "BYTES", shape: [1], bytes: encodeBytes([bytes]) };
}

function refused(source: string, why: string, cause?: unknown): ServiceError {
  const sentence = `${source} cannot be read: ${why}; a line is ${FORMS}`;
  return new ServiceError(Code.INVALID_ARGUMENT, sentence, { cause });
}
