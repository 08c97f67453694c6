import { formatAddress, parseAddress, withPort } from "./address";

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

describe("withPort", () => {
  it.each([
    ["127.0.0.1:0", "127.0.0.1:9"],
    ["[::1]:0", "[::1]:9"],
  ])("keeps the host of %s", (address, expected) => expect(withPort(address, 9)).toBe(expected));
});
