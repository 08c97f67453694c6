import {
  createRegistry,
  type DescEnum,
  type DescEnumValue,
  type DescField,
  type DescMessage,
} from "@bufbuild/protobuf";
import {
  file_infaas_v1_catalog,
  file_infaas_v1_inference,
  file_infaas_v1_job,
  file_infaas_v1_types,
} from "@infaas/api";

/** Messages that verbs print. */
export const registry = createRegistry(
  file_infaas_v1_catalog,
  file_infaas_v1_inference,
  file_infaas_v1_job,
  file_infaas_v1_types,
);

/**
 * Returns a value as the JSON that `--json` prints. Of messages enums are told by name, 64-bit integers are numbers, a choice is the
 * field that was chosen, and of bytes their count is told.
 */
export function jsonText(value: unknown, indent = 2): string {
  return JSON.stringify(plain(value), null, indent);
}

/** Names of an enum's values, as `--json` prints them: `int8` of PRECISION_INT8. */
export function enumNames({ values }: DescEnum): readonly string[] {
  return values.map(nameOf);
}

function nameOf({ localName }: DescEnumValue): string {
  return localName.toLowerCase();
}

/** Members of a message are printed under the names of its fields; what else an object has is printed as it is. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const message = value as Readonly<Record<string, unknown>>;
  const desc = typeof message.$typeName === "string" ? registry.getMessage(message.$typeName) : undefined;
  const told = desc === undefined ? [] : fieldsOf(desc, message);
  const members = new Set(desc?.members.map(({ localName }) => localName));
  const others = Object.entries(message).filter(([key]) => !key.startsWith("$") && !members.has(key));
  return Object.fromEntries([...told, ...others.map(([key, each]) => [key, plain(each)] as const)]);
}

function fieldsOf(
  { fields }: DescMessage,
  message: Readonly<Record<string, unknown>>,
): (readonly [string, unknown])[] {
  return fields.flatMap((field) => {
    const value = chosenOf(field, message);
    return value === undefined ? [] : [[field.localName, told(field, value)] as const];
  });
}

function chosenOf({ oneof, localName }: DescField, message: Readonly<Record<string, unknown>>): unknown {
  if (oneof === undefined) return message[localName];
  const chosen = message[oneof.localName] as { readonly case?: string; readonly value?: unknown } | undefined;
  return chosen?.case === localName ? chosen.value : undefined;
}

function told(field: DescField, value: unknown): unknown {
  const { enum: desc } = field;
  if (desc === undefined) return plain(value);
  // A number that a newer frontend knows stays one.
  const named = (number: unknown) => {
    const known = desc.value[Number(number)];
    return known === undefined ? number : nameOf(known);
  };
  return Array.isArray(value) ? value.map(named) : named(value);
}
