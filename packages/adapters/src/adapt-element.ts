import { type Adapter, type DataType, imageRow } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { adaptImage, PICTURE_BYTES_MAX } from "./adapt-image";
import { adaptText, TEXT_BYTES_MAX } from "./adapt-text";

/** One picture or text, and the datatype of the tensor that is wanted of it. */
export interface AdaptedInput {
  readonly bytes: Uint8Array;
  readonly datatype: DataType;
}

/** Shape of one row that an adapter makes, without the batch. */
export function adaptedDims({ kind }: Adapter): readonly number[] {
  if (kind.case === "image") return imageRow(kind.value);
  return kind.case === "text" ? [kind.value.length] : [];
}

/** Why an element is refused unread; null where it is not. */
export function elementFault({ kind }: Adapter, bytes: number): string | null {
  const [what, most] = kind.case === "image" ? ["picture", PICTURE_BYTES_MAX] : ["text", TEXT_BYTES_MAX];
  return bytes <= most ? null : `a ${what} of ${bytes} bytes was sent; at most ${most} are taken`;
}

/**
 * Turns one picture or text into one row of the tensor that a model takes, raw.
 * @throws ServiceError INVALID_ARGUMENT, saying what came and what is taken.
 */
export async function adaptElement(
  { kind }: Adapter,
  { bytes, datatype }: AdaptedInput,
): Promise<Uint8Array> {
  if (kind.case === "image") return await adaptImage(bytes, kind.value, datatype);
  if (kind.case === "text") return adaptText(bytes, kind.value, datatype);
  throw new ServiceError(Code.INVALID_ARGUMENT, "the adapter has neither image nor text");
}
