import { TokenTable, tokenDigest } from "./tokens";

const sha256 = tokenDigest("secret");
const good = { sha256, tenant: "vision", roles: ["query"] };
const parse = (...tokens: unknown[]) => TokenTable.parse(JSON.stringify({ tokens }));

describe("TokenTable", () => {
  it("finds a token by what it hashes to, with its quotas", () => {
    const table = parse({ ...good, queriesPerSecond: 10.5, queuedBytesMax: 1e6 });
    expect(table.find("secret")).toEqual({
      tenant: "vision",
      isNamed: true,
      roles: new Set(["query"]),
      quota: { queriesPerSecond: 10.5, burst: null, inFlightMax: null, queuedBytesMax: 1e6 },
    });
    expect(table.find("Secret")).toBeNull();
    expect(table.find(sha256)).toBeNull();
  });

  it.each([
    ["what is no JSON", () => TokenTable.parse("hunter2hunter2"), "it is no JSON"],
    ["no object", () => TokenTable.parse("null"), "there is no list called tokens"],
    ["no list", () => TokenTable.parse("{}"), "there is no list called tokens"],
    ["an entry that is none", () => parse("x"), "tokens[0] is no object"],
    ["a misspelt quota", () => parse({ ...good, inflightMax: 1 }), "tokens[0] has 'inflightMax'"],
    ["a token instead of its digest", () => parse({ ...good, sha256: "secret" }), "tokens[0].sha256"],
    ["the same digest twice", () => parse(good, good), "tokens[1] repeats"],
    ["a tenant with a blank", () => parse({ ...good, tenant: "a b" }), "tokens[0].tenant is 'a b'"],
    ["no role", () => parse({ ...good, roles: [] }), "tokens[0].roles is no list"],
    ["the role of members", () => parse({ ...good, roles: ["member"] }), "tokens[0].roles has 'member'"],
    ["a bound of nothing", () => parse({ ...good, inFlightMax: 0 }), "tokens[0].inFlightMax is 0"],
  ])("refuses %s and says where", (_what, read, message) => expect(read).toThrow(message));
});
