import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { enumNames, registry } from "./json-text";

/** A JSON Schema (draft 2020-12) of what `--json` prints, or of a part of it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export const textSchema: JsonSchema = { type: "string" };
export const numberSchema: JsonSchema = { type: "number" };
export const booleanSchema: JsonSchema = { type: "boolean" };

export function listSchema(items: JsonSchema): JsonSchema {
  return { type: "array", items };
}

/** An object of these members alone; those that end in `?` may be absent. */
export function objectSchema(members: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const names = Object.keys(members);
  return {
    type: "object",
    properties: Object.fromEntries(
      Object.entries(members).map(([name, each]) => [name.replace("?", ""), each]),
    ),
    required: names.filter((name) => !name.endsWith("?")),
    additionalProperties: false,
  };
}

/** A message as `jsonText` prints it; `documentOf` adds what the reference names. */
export function messageSchema({ typeName }: DescMessage): JsonSchema {
  return { $ref: `${DEFS}${typeName}` };
}

/** A message with members beside its fields. */
export function extendedSchema(desc: DescMessage, members: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return objectSchema({ ...membersOf(desc), ...members });
}

const DEFS = "#/$defs/";

/** Returns one schema that any of these parts fits, each of which stands under `$defs` by its name, with all messages that they name. */
export function documentOf(parts: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const defs = new Map<string, JsonSchema>(Object.entries(parts));
  const open = [...defs.values()];
  for (let part = open.pop(); part !== undefined; part = open.pop())
    for (const name of namesIn(part)) {
      const desc = registry.getMessage(name);
      if (desc === undefined || defs.has(name)) continue;
      const schema = objectSchema(membersOf(desc));
      defs.set(name, schema);
      open.push(schema);
    }
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    anyOf: Object.keys(parts).map((name) => ({ $ref: `${DEFS}${name}` })),
    $defs: Object.fromEntries(defs),
  };
}

/** Names of definitions that a schema refers to. */
function namesIn(schema: JsonSchema): readonly string[] {
  const refs = JSON.stringify(schema).matchAll(/"#\/\$defs\/([^"]+)"/g);
  return [...refs].map(([, name = ""]) => name);
}

function membersOf({ fields }: DescMessage): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(
    fields.map((field) => [`${field.localName}${isAlways(field) ? "" : "?"}`, fieldSchema(field)]),
  );
}

/** Whether a field is printed whatever its value is: of messages, choices and what is optional it is where there is one. */
function isAlways({ fieldKind, proto, oneof }: DescField): boolean {
  if (fieldKind === "list" || fieldKind === "map") return true;
  return fieldKind !== "message" && oneof === undefined && !proto.proto3Optional;
}

function fieldSchema(field: DescField): JsonSchema {
  if (field.fieldKind === "list") return listSchema(elementSchema(field));
  if (field.fieldKind === "map") return { type: "object", additionalProperties: elementSchema(field) };
  return elementSchema(field);
}

function elementSchema(field: DescField): JsonSchema {
  if (field.message !== undefined) return messageSchema(field.message);
  if (field.enum !== undefined) return { enum: enumNames(field.enum) };
  switch (field.scalar) {
    case ScalarType.BOOL:
      return booleanSchema;
    case ScalarType.STRING:
      return textSchema;
    case ScalarType.BYTES:
      return { type: "string", pattern: "^\\d+ bytes$" };
    default:
      return numberSchema;
  }
}
