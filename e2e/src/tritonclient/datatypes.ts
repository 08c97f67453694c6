import { elementTypes } from "../onnx-file";
import type { Face } from "./face";

/** Every datatype of the protocol. */
export const datatypes = Object.keys(elementTypes) as (keyof typeof elementTypes)[];

/** Report of `stock_datatypes.py`: by encoding, the tensors that did not come back as they were sent. */
export interface DatatypesSeen {
  readonly datatypes: Readonly<Record<string, string>>;
  readonly raw: readonly string[];
  readonly empty: readonly string[];
  readonly json: readonly string[] | null;
  readonly text: readonly string[] | null;
  readonly typed: readonly [sent: number, changed: readonly string[]] | null;
  readonly subset: readonly string[];
  readonly wrong: Readonly<Record<string, string | null>>;
  readonly called: readonly string[];
}

/** Every datatype there and back, at its extremes, without elements and as scalars. */
export function describeDatatypes(face: Face, seen: () => DatatypesSeen): void {
  it("reads the datatype of every tensor", () => {
    expect(Object.values(seen().datatypes)).toEqual(expect.arrayContaining(datatypes));
  });

  it("gets every datatype back to the last bit, raw", () => expect(seen().raw).toEqual([]));

  it("gets tensors without elements back", () => expect(seen().empty).toEqual([]));

  if (face === "grpc") {
    it("gets them back as typed contents, but for FP16 and BF16, which have none", () =>
      expect(seen().typed).toEqual([15, []]));
  } else {
    it("gets numbers and truth back in JSON", () => expect(seen().json).toEqual([]));
    it("gets text back in JSON", () => expect(seen().text).toEqual([]));
  }

  it("gets the outputs that it asked for alone", () => expect(seen().subset).toEqual(["BYTES_echo"]));

  it.each(datatypes)("is refused another datatype where %s is taken", (datatype) => {
    const sent = datatype === "INT64" ? "FP64" : "INT64";
    const sentence = `input ${datatype}: datatype is ${sent}, the model takes ${datatype}`;
    expect(seen().wrong[datatype]).toBe(sentence);
  });
}
