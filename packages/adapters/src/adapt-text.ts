import { type DataType, numberBytes, type TextAdapter } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/** Bytes of one text, at most: what a model reads of it is its beginning. */
export const TEXT_BYTES_MAX = 1024 * 1024;

/**
 * Turns one text into a row of a model's input: one id per character, cut or padded with 0.
 * @throws ServiceError INVALID_ARGUMENT for bytes that are no UTF-8.
 */
export function adaptText(bytes: Uint8Array, text: TextAdapter, datatype: DataType): Uint8Array {
  const alphabet = new Map(Array.from(text.alphabet, (character, index) => [character, index + 1]));
  const ids = new Array<number>(text.length).fill(0);
  let at = 0;
  for (const character of decoded(bytes)) {
    if (at === text.length) break;
    ids[at++] = alphabet.get(character) ?? text.unknownId;
  }
  return numberBytes(datatype, ids) ?? new Uint8Array();
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const sentence = `${bytes.byteLength} bytes cannot be read as a text: they are no UTF-8`;
    throw new ServiceError(Code.INVALID_ARGUMENT, sentence, { cause });
  }
}
