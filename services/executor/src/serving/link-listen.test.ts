import { linkListenAddress, linkListenFaults } from "./link-listen";

const open = {
  listen: "127.0.0.1:8201",
  linkListen: null,
  tlsCert: null,
  insecure: false,
};

describe("linkListenAddress", () => {
  it.each([
    ["any port of the gRPC face's host", open, "127.0.0.1:0"],
    ["any port of an IPv6 host", { ...open, listen: "[::1]:8201" }, "[::1]:0"],
    ["where it is told", { ...open, linkListen: "127.0.0.1:8301" }, "127.0.0.1:8301"],
    ["nowhere when told so", { ...open, linkListen: "none" }, null],
    ["nowhere beside TLS", { ...open, tlsCert: "c.pem" }, null],
  ])("is %s", (_, config, address) => {
    expect(linkListenAddress(config)).toBe(address);
    expect(linkListenFaults(config)).toEqual([]);
  });
});

describe("linkListenFaults", () => {
  it.each([
    ["no address", { ...open, linkListen: "8301" }, "allowed are host:port and none"],
    ["an IPv6 host without brackets", { ...open, linkListen: "::1:8301" }, "allowed are host:port and none"],
    [
      "links in the clear beside TLS",
      { ...open, linkListen: "127.0.0.1:0", tlsCert: "c.pem" },
      "know no TLS",
    ],
    ["links open to the network", { ...open, linkListen: "0.0.0.0:0" }, "needs --insecure"],
  ])("tells of %s", (_, config, fault) => {
    expect(linkListenFaults(config)).toEqual([expect.stringContaining(fault)]);
  });

  it("lets an operator open them to the network knowingly", () => {
    expect(linkListenFaults({ ...open, linkListen: "0.0.0.0:0", insecure: true })).toEqual([]);
  });
});
