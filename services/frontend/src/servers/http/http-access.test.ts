import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { userMethodRole } from "@infaas/api";
import {
  createLogger,
  loadSecurity,
  readConfig,
  type Security,
  systemClock,
  tokenDigest,
} from "@infaas/runtime";
import { frontendOptions } from "../../config";
import { type House, startHouse } from "../../testing/house";
import { errorOf, HttpCaller } from "../../testing/http-client";

jest.setTimeout(30_000);

describe("HTTP face when no web page is allowed", () => {
  let house: House;
  let http: HttpCaller;

  beforeAll(async () => {
    house = await startHouse({ e1: ["mlp@1"] });
    http = new HttpCaller(house);
  });
  afterAll(() => house.stop());

  it("refuses pages of other origins, before anything is done", async () => {
    const answer = await http.infer({}, { origin: "https://evil.example" });
    expect([answer.status, errorOf(answer)]).toEqual([403, expect.stringContaining("https://evil.example")]);
  });

  it.each([
    "rebound.example:8000",
    "rebound.example",
    "127.0.0.1.example:8000",
    "127.evil:1",
    "localhost.example",
    "[::2]:8000",
  ])("refuses a page of %s that was made to resolve to this address", async (host) => {
    for (const path of ["/v2/models/mlp/ready", "/metrics", "/v2/repository/models/mlp/unload"]) {
      const answer = await http.ask(path, undefined, { host, origin: `http://${host}` });
      expect([answer.status, errorOf(answer)]).toEqual([403, expect.stringContaining(`host is '${host}'`)]);
    }
  });

  it.each(["localhost:8000", "LOCALHOST", "app.localhost:1", "127.9.8.7:3", "[::1]:8000"])(
    "takes the name %s",
    async (host) => {
      expect((await http.ask("/v2/health/live", undefined, { host })).status).toBe(200);
    },
  );

  it("lets a page of its own address", async () => {
    expect((await http.infer({}, { origin: `http://${house.frontend.httpAddress}` })).status).toBe(200);
  });
});

describe("HTTP face when the page of an origin is allowed", () => {
  const origin = "https://console.example";
  let house: House;
  let http: HttpCaller;

  beforeAll(async () => {
    house = await startHouse({ e1: ["mlp@1"] }, undefined, ["--http-cors-origins", origin]);
    http = new HttpCaller(house);
  });
  afterAll(() => house.stop());

  it("answers its preflight and lets it read answers and refusals", async () => {
    const asks = {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "slo-latency-ms",
    };
    const preflight = await http.ask("/v2/models/mlp/infer", undefined, asks, "OPTIONS");
    expect(preflight).toMatchObject({
      status: 204,
      headers: {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "slo-latency-ms",
      },
    });
    for (const name of ["mlp", "cats"]) {
      const { headers } = await http.infer({}, { origin }, name);
      expect(headers).toMatchObject({ "access-control-allow-origin": origin, vary: "origin" });
    }
  });

  it("refuses others all the same", async () => {
    expect((await http.infer({}, { origin: "https://evil.example" })).status).toBe(403);
  });
});

describe("HTTP face when callers need tokens", () => {
  const folder = mkdtempSync(join(tmpdir(), "infaas-http-tokens-"));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const bearer = { authorization: "Bearer asks-only" };
  let house: House;
  let http: HttpCaller;
  let security: Security;

  beforeAll(async () => {
    const asking = { sha256: tokenDigest("asks-only"), tenant: "reader", roles: ["query"] };
    const options = [
      ["--tokens", file("tokens.json", JSON.stringify({ tokens: [asking] }))],
      ["--cluster-token-file", file("cluster", "c".repeat(32))],
    ].flat();
    const read = readConfig(frontendOptions, options, {});
    if (!read.ok) throw new Error(read.faults.join("; "));
    const world = { clock: systemClock, logger: createLogger({ service: "test", level: "error" }) };
    security = await loadSecurity(read.config, { ...world, requirementOf: userMethodRole });
    house = await startHouse({ e1: ["mlp@1"] }, undefined, [], security);
    http = new HttpCaller(house);
  });
  afterAll(async () => {
    await house.stop();
    security.close();
    rmSync(folder, { recursive: true });
  });

  it("answers those who have the role, and probes without any", async () => {
    expect((await http.infer({}, bearer)).status).toBe(200);
    expect((await http.ask("/v2/models/mlp", undefined, bearer)).status).toBe(200);
    expect((await http.ask("/v2/health/live")).status).toBe(200);
  });

  it.each(["/v2/models/mlp/infer", "/v2/repository/index"])(
    "refuses a POST of %s without a token",
    async (path) => {
      const answer = await http.ask(path, "not even JSON");
      expect([answer.status, answer.headers["www-authenticate"]]).toEqual([401, "Bearer"]);
      expect(errorOf(answer)).toContain("needs a token with the role query");
    },
  );

  it("refuses what the token's roles do not hold", async () => {
    const answer = await http.ask("/v2/repository/models/mlp/unload", "{}", bearer);
    expect([answer.status, errorOf(answer)]).toEqual([
      403,
      expect.stringContaining("needs the role operate"),
    ]);
  });
});
