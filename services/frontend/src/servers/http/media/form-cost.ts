import { MIMEType } from "node:util";
import { Code } from "@infaas/runtime";
import { HttpError } from "../http-status";
import { invalid } from "../json/json-body";

/** Fields of one form, at most; each but pictures and texts is a parameter. */
export const FORM_FIELDS_MAX = 128;
/** Bytes of one form, at most: it is read at once, 4 ms a MiB. Larger pictures are sent as they are. */
export const FORM_BYTES_MAX = 8 * 1024 * 1024;
/** Bytes before the value of one field, at most: a quarter of a microsecond each. */
export const FORM_HEAD_BYTES_MAX = 1024;

const HEAD_END = "\r\n\r\n";

/**
 * Bounds what reading a form costs, by looking for its boundaries alone.
 * @throws ServiceError INVALID_ARGUMENT with both numbers, for more fields than are taken or a field whose head is longer; HTTP
 * 413 for too many bytes.
 */
export function boundFormCost(contentType: string, bytes: Buffer): void {
  if (bytes.byteLength > FORM_BYTES_MAX) {
    const sentence = `the form has ${bytes.byteLength} bytes; at most ${FORM_BYTES_MAX} are taken, larger pictures go as they are (--data-binary)`;
    throw new HttpError(413, Code.INVALID_ARGUMENT, sentence);
  }
  const boundary = Buffer.from(`--${boundaryOf(contentType)}`);
  let fields = 0;
  for (let at = bytes.indexOf(boundary); at >= 0; at = bytes.indexOf(boundary, at + boundary.byteLength)) {
    const value = bytes.subarray(at + boundary.byteLength);
    // The last one ends the form.
    if (value.subarray(0, 2).equals(LAST)) continue;
    fields += 1;
    if (fields > FORM_FIELDS_MAX)
      throw invalid(`the form has more than ${FORM_FIELDS_MAX} fields, which are the most that are taken`);
    const head = value.subarray(0, FORM_HEAD_BYTES_MAX + HEAD_END.length);
    if (!head.includes(HEAD_END)) {
      const sentence = `field ${fields} of the form has no value within ${FORM_HEAD_BYTES_MAX} bytes, which are the most that its head may have`;
      throw invalid(sentence);
    }
  }
}

/** What divides the fields, read as who parses the form reads it, and of the characters that RFC 2046 allows. */
function boundaryOf(contentType: string): string {
  const boundary = new MIMEType(contentType).params.get("boundary") ?? "";
  if (/^[\w'()+,./:=? -]{1,70}$/.test(boundary)) return boundary;
  throw invalid(`Content-Type is '${contentType}'; a form needs a boundary of 1 to 70 characters there`);
}

const LAST = Buffer.from("--");
