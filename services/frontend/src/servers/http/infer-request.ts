import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type Encoded,
  encodeJsonData,
  encodeNumbers,
  type InferParameterSchema,
  type NumberList,
} from "@infaas/api";
import type { InferBytes } from "../../query/infer-head";
import { inferMessage } from "../../query/infer-message";
import { asObject, invalid, type JsonFields, readJson } from "./json/json-body";

/** The model of a request's path; an empty version is the current one. */
export interface InferTarget {
  readonly name: string;
  readonly version: string;
}

/** How outputs are wanted back. */
export interface OutputForm {
  /** True = raw bytes behind the JSON, false = JSON. */
  isBinary(output: string): boolean;
  /** Where in shared memory it is put instead, as the request named the place; null = it comes back. */
  sharedMemory(output: string): JsonFields | null;
}

/** All outputs in JSON. */
export const JSON_OUTPUTS: OutputForm = { isBinary: () => false, sharedMemory: () => null };

/** An infer request of HTTP as a ModelInferRequest. */
export interface HttpInferRequest {
  /** ModelInferRequest bytes, every input raw. */
  readonly message: InferBytes;
  readonly form: OutputForm;
}

type Parameters = Record<string, MessageInitShape<typeof InferParameterSchema>>;

/**
 * Reads the body of `POST …/infer`: JSON, and behind its first `jsonBytes` bytes the raw data of the inputs that say so
 * (binary tensor extension); null = all is JSON. INVALID_ARGUMENT names the input and both numbers.
 */
export async function readInferRequest(
  target: InferTarget,
  body: Buffer,
  jsonBytes: number | null,
): Promise<HttpInferRequest> {
  const headBytes = jsonBytes ?? body.byteLength;
  if (headBytes > body.byteLength) {
    throw invalid(
      `Inference-Header-Content-Length is ${headBytes}, the whole body has ${body.byteLength} bytes`,
    );
  }
  const { fields: json, numbersOf } = await readJson(body.subarray(0, headBytes));
  const data = new InputData(body.subarray(headBytes), numbersOf);
  const inputs = listOf("inputs", json.inputs).map((input, i) => readInput(input, i, data));
  data.mustBeUsedUp();
  const { binary_data_output: binaryDefault, ...own } = fieldsOf("parameters", json.parameters);
  const outputs = listOf("outputs", json.outputs).map(readOutput);
  const init = {
    modelName: target.name,
    modelVersion: target.version,
    id: json.id === undefined ? "" : textOf("id", json.id),
    parameters: parametersOf("parameters", own),
    inputs,
    outputs,
  };
  return {
    message: inferMessage(init, data.contents),
    form: formOf(
      outputs,
      binaryDefault === undefined ? false : flagOf("parameters.binary_data_output", binaryDefault),
    ),
  };
}

/** The bytes behind the JSON, given to the inputs in order. */
class InputData {
  readonly contents: Uint8Array[] = [];
  private used = 0;

  constructor(
    private readonly binary: Buffer,
    private readonly numbersOf: (data: unknown) => NumberList | undefined,
  ) {}

  takeBinary(input: string, size: unknown): void {
    const bytes = sizeOf(`input '${input}': binary_data_size`, size);
    const left = this.binary.byteLength - this.used;
    if (bytes > left) {
      throw invalid(`input '${input}': binary_data_size is ${bytes}, ${left} bytes are left behind the JSON`);
    }
    this.contents.push(this.binary.subarray(this.used, this.used + bytes));
    this.used += bytes;
  }

  takeJson(input: string, datatype: string, shape: readonly number[], data: unknown): void {
    const numbers = this.numbersOf(data);
    if (numbers !== undefined) this.take(input, encodeNumbers(datatype, shape, numbers));
    else if (Array.isArray(data)) this.take(input, encodeJsonData(datatype, shape, data));
    else throw invalid(`input '${input}' has neither data, nor binary_data_size, nor shared_memory_region`);
  }

  private take(input: string, encoded: Encoded<Uint8Array>): void {
    if (!encoded.ok) throw invalid(`input '${input}': ${encoded.fault}`);
    this.contents.push(encoded.value);
  }

  mustBeUsedUp(): void {
    if (this.used === this.binary.byteLength) return;
    throw invalid(
      `${this.binary.byteLength} bytes came behind the JSON, its inputs take ${this.used} by binary_data_size`,
    );
  }
}

function readInput(value: unknown, index: number, data: InputData) {
  const what = `inputs[${index}]`;
  const { name: sentName, datatype: sentType, shape: sentShape, parameters, ...rest } = asObject(what, value);
  const name = textOf(`${what}.name`, sentName);
  const datatype = textOf(`input '${name}': datatype`, sentType);
  const shape = listOf(`input '${name}': shape`, sentShape).map((dim) =>
    sizeOf(`input '${name}': a dimension of shape`, dim),
  );
  const { binary_data_size: size, ...own } = fieldsOf(`input '${name}': parameters`, parameters);
  if (size !== undefined) data.takeBinary(name, size);
  else if (own.shared_memory_region === undefined) data.takeJson(name, datatype, shape, rest.data);
  return {
    name,
    datatype,
    shape: shape.map(BigInt),
    parameters: parametersOf(`input '${name}': parameters`, own),
  };
}

interface ReadOutput {
  readonly name: string;
  readonly parameters: Parameters;
  readonly binary: boolean | undefined;
  readonly sharedMemory: JsonFields | null;
}

function readOutput(value: unknown, index: number): ReadOutput {
  const what = `outputs[${index}]`;
  const { name: sentName, parameters } = asObject(what, value);
  const name = textOf(`${what}.name`, sentName);
  const { binary_data: binary, ...own } = fieldsOf(`output '${name}': parameters`, parameters);
  return {
    name,
    parameters: parametersOf(`output '${name}': parameters`, own),
    binary: binary === undefined ? undefined : flagOf(`output '${name}': binary_data`, binary),
    sharedMemory: own.shared_memory_region === undefined ? null : own,
  };
}

function formOf(outputs: readonly ReadOutput[], binaryDefault: boolean): OutputForm {
  const stated = new Map(outputs.map((output) => [output.name, output]));
  return {
    isBinary: (output) => stated.get(output)?.binary ?? binaryDefault,
    sharedMemory: (output) => stated.get(output)?.sharedMemory ?? null,
  };
}

/** Parameters as gRPC has them: whole numbers are int64, others doubles. */
function parametersOf(what: string, fields: JsonFields): Parameters {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, { parameterChoice: choiceOf(what, name, value) }]),
  );
}

function choiceOf(
  what: string,
  name: string,
  value: unknown,
): NonNullable<Parameters[string]["parameterChoice"]> {
  if (typeof value === "boolean") return { case: "boolParam", value };
  if (typeof value === "string") return { case: "stringParam", value };
  if (Number.isSafeInteger(value)) return { case: "int64Param", value: BigInt(value as number) };
  if (typeof value === "number") return { case: "doubleParam", value };
  throw invalid(`${what}: '${name}' must be text, a number, true or false`);
}

function listOf(what: string, value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw invalid(`${what} must be a list`);
}

function fieldsOf(what: string, value: unknown): JsonFields {
  return value === undefined ? {} : asObject(what, value);
}

function textOf(what: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw invalid(`${what} must be text`);
}

function flagOf(what: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw invalid(`${what} must be true or false`);
}

function sizeOf(what: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw invalid(`${what} must be a whole number from 0`);
}
