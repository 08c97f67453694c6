import { isLoopback, type SecurityConfig, securityFaults } from "./security-options";

const nothing: SecurityConfig = {
  tlsCert: null,
  tlsKey: null,
  tlsClientCa: null,
  tlsCa: null,
  tlsServerName: null,
  clusterTokenFile: null,
  insecure: false,
};
const own = { tlsCert: "own.pem", tlsKey: "own.key" };
const faultsOf = (config: Partial<SecurityConfig>, ...listens: string[]) =>
  securityFaults({ ...nothing, ...config }, listens);

describe("securityFaults", () => {
  it.each<[string, Partial<SecurityConfig>, string[]]>([
    ["the loopback interface", {}, ["127.0.0.1:8001", "[::1]:8001", "localhost:1"]],
    ["another address, if it is told so", { insecure: true }, ["0.0.0.0:8001"]],
    ["another address with mTLS", { ...own, tlsClientCa: "ca.pem" }, ["0.0.0.0:8001"]],
    [
      "another address with TLS and tokens",
      { ...own, tokens: "t.json", clusterTokenFile: "c" },
      ["10.0.0.1:8001"],
    ],
  ])("lets a process listen on %s", (_what, config, listens) => {
    expect(faultsOf(config, ...listens)).toEqual([]);
  });

  it.each<[string, Partial<SecurityConfig>, string]>([
    ["without anything", {}, "needs --tls-cert and --tls-key, and --cluster-token-file or --tls-client-ca"],
    ["with TLS alone", own, "needs --cluster-token-file or --tls-client-ca; or --insecure"],
    ["with a secret alone", { clusterTokenFile: "c" }, "needs --tls-cert and --tls-key; or --insecure"],
    [
      "for users, without anything",
      { tokens: null },
      "--tokens with --cluster-token-file, or --tls-client-ca",
    ],
  ])("keeps a process off the network %s", (_what, config, message) => {
    for (const listen of ["0.0.0.0:8001", "[::]:8001", "127.0.0.1.example.com:1", "host:1"])
      expect(faultsOf(config, listen)).toEqual([expect.stringContaining(message)]);
  });

  it.each<[string, Partial<SecurityConfig>, string]>([
    ["a certificate without key", { tlsCert: "own.pem" }, "given together"],
    ["an authority for callers without TLS", { tlsClientCa: "ca.pem" }, "needs --tls-cert"],
    ["tokens for users but none for members", { tokens: "t.json" }, "--tokens needs --cluster-token-file"],
  ])("finds fault with %s", (_what, config, message) => {
    expect(faultsOf({ insecure: true, ...config })).toEqual([expect.stringContaining(message)]);
  });
});

describe("isLoopback", () => {
  it.each([
    ["127.1.2.3:0", true],
    ["unix:/run/infaas", true],
    ["127.0.0.1", false],
    [":8001", false],
    ["127.0.0.1.nip.io:8001", false],
  ])("%s: %s", (listen, expected) => expect(isLoopback(listen)).toBe(expected));
});
