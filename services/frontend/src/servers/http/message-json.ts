import {
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";

const WIDE: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

/**
 * Returns a message as the protocol has it on HTTP: protobuf's JSON with the names of the proto file, every field
 * that has no presence written out, and 64-bit integers as numbers where protobuf's own mapping has text.
 */
export function messageJson<D extends DescMessage>(schema: D, message: MessageShape<D>): JsonObject {
  const json = toJson(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
  return withNumbers(schema, json as JsonObject);
}

function withNumbers(schema: DescMessage, json: JsonObject): JsonObject {
  const byName = new Map(schema.fields.map((field) => [field.name, field]));
  return mapValues(json, (value, name) => {
    const field = byName.get(name);
    return field === undefined ? value : fieldValue(field, value);
  });
}

function fieldValue(field: DescField, value: JsonValue): JsonValue {
  if (field.fieldKind === "list" && Array.isArray(value)) return value.map((v) => element(field, v));
  if (field.fieldKind === "map") return mapValues(value as JsonObject, (v) => element(field, v));
  return element(field, value);
}

/** One value of a field: of a list or a map, one of its elements. */
function element(field: DescField, value: JsonValue): JsonValue {
  if (field.message !== undefined) return withNumbers(field.message, value as JsonObject);
  return field.scalar !== undefined && WIDE.has(field.scalar) ? Number(value) : value;
}

function mapValues(json: JsonObject, f: (value: JsonValue, name: string) => JsonValue): JsonObject {
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, f(value, name)]));
}
