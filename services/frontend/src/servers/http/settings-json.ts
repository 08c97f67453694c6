import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  LogSettingsRequestSchema,
  ModelRepositoryParameterSchema,
  TraceSettingRequestSchema,
} from "@infaas/api";
import { asObject, invalid, type JsonFields } from "./json/json-body";

type LogChanges = NonNullable<MessageInitShape<typeof LogSettingsRequestSchema>["settings"]>;
type TraceChanges = NonNullable<MessageInitShape<typeof TraceSettingRequestSchema>["settings"]>;
type LoadParameters = Record<string, MessageInitShape<typeof ModelRepositoryParameterSchema>>;

/** Settings that a request changes: none for a GET, whatever its body. */
export function changesOf(verb: string, json: JsonFields): JsonFields {
  return verb === "POST" ? json : {};
}

/** Log settings as HTTP has them: true or false, a number, text. */
export function logSettings(json: JsonFields): LogChanges {
  return mapFields(json, (name, value) => {
    if (typeof value === "boolean") return { parameterChoice: { case: "boolParam", value } };
    if (typeof value === "string") return { parameterChoice: { case: "stringParam", value } };
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32) {
      return { parameterChoice: { case: "uint32Param", value: value as number } };
    }
    throw invalid(
      `log setting '${name}' must be true, false, text or a whole number from 0 to ${2 ** 32 - 1}`,
    );
  });
}

/** Trace settings as HTTP has them: text or a list of texts; null clears what a model had of its own. */
export function traceSettings(json: JsonFields): TraceChanges {
  return mapFields(json, (name, value) => {
    if (value === null) return { value: [] };
    const values = Array.isArray(value) ? value : [value];
    if (values.every((v) => typeof v === "string" || typeof v === "number"))
      return { value: values.map(String) };
    throw invalid(`trace setting '${name}' must be text, a list of texts, or null`);
  });
}

/** Parameters of load and unload; `file:` ones are base64, as JSON has no bytes. */
export function loadParameters(value: unknown): LoadParameters {
  if (value === undefined) return {};
  return mapFields(asObject("parameters", value), (name, v) => {
    if (typeof v === "boolean") return { parameterChoice: { case: "boolParam", value: v } };
    if (typeof v === "string" && name.startsWith("file:")) {
      return { parameterChoice: { case: "bytesParam", value: new Uint8Array(Buffer.from(v, "base64")) } };
    }
    if (typeof v === "string") return { parameterChoice: { case: "stringParam", value: v } };
    if (Number.isSafeInteger(v))
      return { parameterChoice: { case: "int64Param", value: BigInt(v as number) } };
    throw invalid(`parameters: '${name}' must be text, a whole number, true or false`);
  });
}

interface Setting {
  readonly parameterChoice?: { readonly value?: string | number | boolean | undefined };
  readonly value?: readonly string[];
}

/** Settings as one flat object: a trace level is a list, every other value stands alone. */
export function settingsJson(settings: Readonly<Record<string, Setting>>): JsonFields {
  return Object.fromEntries(
    Object.entries(settings).map(([name, { parameterChoice, value }]) => {
      if (value === undefined) return [name, parameterChoice?.value ?? null];
      return [name, name === "trace_level" || value.length > 1 ? value : (value[0] ?? "")];
    }),
  );
}

function mapFields<T>(json: JsonFields, f: (name: string, value: unknown) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, f(name, value)]));
}
