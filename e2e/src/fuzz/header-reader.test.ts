import { readHeaders } from "./header-reader";
import { headerBlock } from "./http2-frames";

/** The Huffman-coded texts are examples of RFC 7541, appendices C.4 and C.6. */
const packed = { host: "f1e3c2e5f23a6ba0ab90f4ff", date: "d07abe941054d444a8200595040b8166e082a62d1bff" };
const literal = (name: string, hex: string) =>
  Buffer.concat([
    headerBlock([[name, ""]]).subarray(0, -1),
    Buffer.from([0x80 + hex.length / 2]),
    Buffer.from(hex, "hex"),
  ]);

describe("readHeaders", () => {
  it("reads packed texts", () => {
    const block = Buffer.concat([literal("host", packed.host), literal("date", packed.date)]);
    expect(readHeaders(block)).toEqual(
      new Map([
        ["host", "www.example.com"],
        ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
      ]),
    );
  });

  it("reads plain ones of any length, and the status of the static table", () => {
    const long = "x".repeat(5_000);
    const block = Buffer.concat([Buffer.from([0x20, 0x88]), headerBlock([["a-name", long]])]);
    expect([...readHeaders(block)]).toEqual([
      [":status", "200"],
      ["a-name", long],
    ]);
  });

  it("refuses what is cut off, and what only a table could tell", () => {
    expect(() => readHeaders(headerBlock([["a", "b"]]).subarray(0, -1))).toThrow("cut off");
    expect(() => readHeaders(Buffer.from([0xbe]))).toThrow("index 62");
  });
});
