import { boundFormCost, FORM_BYTES_MAX, FORM_FIELDS_MAX, FORM_HEAD_BYTES_MAX } from "./form-cost";

const type = "multipart/form-data; boundary=edge";
const field = (name: string, value: string, head = "") =>
  `--edge\r\nContent-Disposition: form-data; name="${name}"\r\n${head}\r\n${value}\r\n`;
const form = (...fields: string[]) => Buffer.from(`${fields.join("")}--edge--\r\n`);
const many = (count: number) => form(...Array.from({ length: count }, (_, i) => field(`f${i}`, "1")));

describe("boundFormCost", () => {
  it.each([
    ["as many fields as are taken", type, many(FORM_FIELDS_MAX)],
    ["a quoted boundary", 'multipart/form-data; charset=utf-8; boundary="edge"', many(1)],
    ["a value with blank lines", type, form(field("text", "a\r\n\r\nb"))],
  ])("takes %s", (_, contentType, bytes) => {
    expect(() => boundFormCost(contentType, bytes)).not.toThrow();
  });

  it.each([
    ["one field more", type, many(FORM_FIELDS_MAX + 1), `more than ${FORM_FIELDS_MAX} fields`],
    ["no boundary", "multipart/form-data", many(1), "a form needs a boundary"],
    [
      "a boundary that readers may take for another",
      `${type.slice(0, -4)}"ed\\"ge"`,
      many(1),
      "a form needs a boundary",
    ],
    [
      "many fields behind a parameter that looks like the boundary",
      'multipart/form-data; x="; boundary=other"; boundary=edge',
      many(FORM_FIELDS_MAX + 1),
      `more than ${FORM_FIELDS_MAX} fields`,
    ],
    [
      "a field of header lines",
      type,
      form(field("image", "x", "a: b\r\n".repeat(500))),
      `field 1 of the form has no value within ${FORM_HEAD_BYTES_MAX} bytes`,
    ],
    [
      "more bytes than are read at once",
      type,
      Buffer.alloc(FORM_BYTES_MAX + 1),
      `the form has ${FORM_BYTES_MAX + 1} bytes; at most ${FORM_BYTES_MAX}`,
    ],
  ])("refuses %s", (_, contentType, bytes, sentence) => {
    expect(() => boundFormCost(contentType, bytes)).toThrow(sentence);
  });

  it("reads a quarter of a million fields' worth of nothing no further than the bound", () => {
    const hostile = Buffer.from("--edge\r\n\r\n".repeat(250_000));
    expect(() => boundFormCost(type, hostile)).toThrow("fields");
  });
});
