import { probeWire } from "../lib";

describe("probeWire", () => {
  // A Node that no longer exports a function of nghttp2 or OpenSSL turns this red (docs/decisions/0020).
  it("finds every function of nghttp2 and OpenSSL in this Node", () => {
    expect(probeWire({ tls: true })).toEqual({ ok: true, detail: "" });
  });
});
