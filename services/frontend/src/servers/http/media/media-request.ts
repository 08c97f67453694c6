import type { MessageInitShape } from "@bufbuild/protobuf";
import { type AdapterInput, encodeBytes, type InferParameterSchema } from "@infaas/api";
import { inferMessage } from "../../../query/infer-message";
import type { CatalogModel } from "../../../view/catalog";
import { type HttpInferRequest, type InferTarget, JSON_OUTPUTS } from "../infer-request";
import { invalid } from "../json/json-body";
import { boundFormCost } from "./form-cost";

/** A body that is no JSON: a picture, a text, or a form that has some. */
export interface MediaBody {
  readonly kind: AdapterInput | "form";
  readonly contentType: string;
  readonly bytes: Buffer;
  /** Parameters of the URL's query. */
  readonly parameters: URLSearchParams;
}

/** What a content type says of a body; null for JSON, and for all that says nothing. */
export function mediaKind(contentType: string | undefined): MediaBody["kind"] | null {
  const type = contentType?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "multipart/form-data") return "form";
  if (type.startsWith("image/")) return "image";
  return type === "text/plain" ? "text" : null;
}

/**
 * Reads a picture, a text or a form as a ModelInferRequest with one input of BYTES, which the model's adapter turns into its
 * tensor. Other fields of the form, and the URL's query, are parameters of the request; `classification` asks for so many labels
 * of each output.
 * @param takes Inputs that adapters of the model's variants read.
 * @throws ServiceError INVALID_ARGUMENT with what came and what is taken.
 */
export async function readMediaRequest(
  target: InferTarget,
  body: MediaBody,
  { model, takes }: { readonly model: CatalogModel; readonly takes: ReadonlySet<AdapterInput> },
): Promise<HttpInferRequest> {
  const { input, elements, parameters } =
    body.kind === "form" ? await readForm(body) : { ...body, input: body.kind, elements: [body.bytes] };
  if (!takes.has(input)) {
    const taken = [...takes].join(" or ") || "tensors alone, as JSON or raw";
    throw invalid(`'${target.name}' takes no ${input}; it takes ${taken}`);
  }
  const { classification, ...rest } = Object.fromEntries(parameters);
  const init = {
    modelName: target.name,
    modelVersion: target.version,
    parameters: mapped(rest),
    inputs: [{ name: input, datatype: "BYTES", shape: [BigInt(elements.length)] }],
    ...(classification === undefined
      ? {}
      : {
          outputs: model.tensors.outputs.map(({ name }) => ({
            name,
            parameters: mapped({ classification }),
          })),
        }),
  };
  return { message: inferMessage(init, [encodeBytes(elements)]), form: JSON_OUTPUTS };
}

async function readForm({ contentType, bytes, parameters }: MediaBody) {
  boundFormCost(contentType, bytes);
  const fields = [...(await parsed(contentType, bytes))];
  const named = fields.filter(([name]) => name === "image" || name === "text");
  const [[input] = [""]] = named;
  if ((input !== "image" && input !== "text") || named.some(([name]) => name !== input)) {
    const names = fields.map(([name]) => name).join(", ") || "none";
    throw invalid(`the form needs fields 'image' or fields 'text'; its fields: ${names}`);
  }
  const given = new URLSearchParams(parameters);
  for (const [name, value] of fields) if (name !== input && typeof value === "string") given.set(name, value);
  const elements = await Promise.all(named.map(([, value]) => bytesOf(value)));
  return { input, elements, parameters: given } as const;
}

type FieldValue = string | Blob;

async function parsed(contentType: string, bytes: Buffer): Promise<Iterable<[string, FieldValue]>> {
  try {
    return await new Response(bytes, { headers: { "content-type": contentType } }).formData();
  } catch (cause) {
    throw invalid(`the body is no readable multipart/form-data: ${(cause as Error).message}`);
  }
}

async function bytesOf(value: FieldValue): Promise<Uint8Array> {
  return typeof value === "string" ? Buffer.from(value) : new Uint8Array(await value.arrayBuffer());
}

type Parameters = Record<string, MessageInitShape<typeof InferParameterSchema>>;

/** What is written as a number or as true and false is sent as one. */
function mapped(fields: Readonly<Record<string, string>>): Parameters {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, { parameterChoice: choiceOf(value) }]),
  );
}

function choiceOf(value: string): NonNullable<Parameters[string]["parameterChoice"]> {
  if (value === "true" || value === "false") return { case: "boolParam", value: value === "true" };
  if (/^-?\d{1,15}$/.test(value)) return { case: "int64Param", value: BigInt(value) };
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number)) return { case: "doubleParam", value: number };
  return { case: "stringParam", value };
}
