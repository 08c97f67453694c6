import { addressOf, formatAddress, hostOfPeer, parseAddress, withPort } from "./address";

describe("parseAddress", () => {
  it.each([
    ["127.0.0.1:8001", { host: "127.0.0.1", port: 8001 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["[::1]:8000", { host: "::1", port: 8000 }],
    ["[fe80::1%eth0]:65535", { host: "fe80::1%eth0", port: 65_535 }],
  ])("reads %s", (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(formatAddress(address)).toBe(text);
  });

  it.each(["", "8000", "host:", ":8000", "::1:8000", "[::1]", "host:65536", "host:-1", "host:8000 "])(
    "does not take '%s'",
    (text) => expect(parseAddress(text)).toBeNull(),
  );
});

describe("addressOf", () => {
  it("is what the text says", () => expect(addressOf("[::1]:80")).toEqual({ host: "::1", port: 80 }));

  it("says what came and what is allowed", () =>
    expect(() => addressOf("::1:80")).toThrow("address is '::1:80', allowed is host:port"));
});

describe("hostOfPeer", () => {
  it.each([
    ["127.0.0.1:50123", "127.0.0.1"],
    ["::1:50123", "::1"],
    ["[::1]:50123", "::1"],
    ["unknown", "unknown"],
  ])("of %s is %s", (peer, host) => expect(hostOfPeer(peer)).toBe(host));
});

describe("withPort", () => {
  it.each([
    ["127.0.0.1:0", "127.0.0.1:9"],
    ["[::1]:0", "[::1]:9"],
  ])("keeps the host of %s", (address, expected) => expect(withPort(address, 9)).toBe(expected));
});
