import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Record, RecordSchema } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/** The kinds of record that watchers see. */
export type RecordKind = NonNullable<Record["value"]["case"]>;
/** The message of one kind of record. */
export type RecordOf<K extends RecordKind> = Extract<Record["value"], { case: K }>["value"];

/** Returns a record as the store keeps it: `infaas.v1.Record` without its key, which the store has anyway. */
export function encodeRecord<K extends RecordKind>(kind: K, value: RecordOf<K>): Uint8Array {
  return toBinary(RecordSchema, create(RecordSchema, { value: { case: kind, value } as Record["value"] }));
}

/** Returns the record that the store kept under `key`; DATA_LOSS when the bytes are not one. */
export function decodeRecord(key: string, bytes: Uint8Array): Record {
  try {
    const record = fromBinary(RecordSchema, bytes);
    if (record.value.case === undefined) throw new Error("it has no value");
    record.key = key;
    return record;
  } catch (cause) {
    throw new ServiceError(Code.DATA_LOSS, `record "${key}" of ${bytes.length} bytes cannot be read`, {
      cause,
    });
  }
}

/** Returns the message of a stored record when it is of `kind`; DATA_LOSS when it is not. */
export function decodeAs<K extends RecordKind>(kind: K, key: string, bytes: Uint8Array): RecordOf<K> {
  const { value } = decodeRecord(key, bytes);
  if (value.case !== kind)
    throw new ServiceError(Code.DATA_LOSS, `record "${key}" is a ${value.case}, not a ${kind}`);
  return value.value as RecordOf<K>;
}
