import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { Code } from "../errors";
import { createRpcClient } from "../rpc/client/client";
import { createRpcServer } from "../rpc/server/server";
import { TestAuthority } from "../testing/certificates";
import { failureOf } from "../testing/echo-calls";
import { EchoService } from "../testing/echo-service";
import { load, logger, nothing, say, servingOn } from "../testing/served-security";
import { transports } from "../testing/transports";
import { until } from "../testing/until";
import { systemClock } from "../time/clock";
import { type DialSecurity, dialPlain, dialWith } from "./dial-security";
import { loadSecurity, openSecurity } from "./security";
import { tokenDigest } from "./tokens";

describe.each(transports)("on the transport $name", ({ open }) => {
  const serving = servingOn(open);

  describe("loadSecurity with tokens", () => {
    const clusterToken = "c".repeat(32);
    const entry = (token: string, tenant: string, roles: string[]) => ({
      sha256: tokenDigest(token),
      tenant,
      roles,
    });

    async function files(tokens: object[]) {
      const { folder } = await TestAuthority.create();
      const [tokensFile, clusterFile] = [join(folder, "tokens.json"), join(folder, "cluster")];
      writeFileSync(tokensFile, JSON.stringify({ tokens }));
      writeFileSync(clusterFile, `${clusterToken}\n`);
      return { tokens: tokensFile, clusterTokenFile: clusterFile };
    }
    const bearing = (token: string) => dialWith({ token });

    it("tells callers apart, and keeps their tokens from the handler", async () => {
      const config = await files([
        entry("alice's", "vision", ["query"]),
        entry("bob's", "speech", ["query", "operate"]),
      ]);
      await serving(await load(config), async (port) => {
        await expect(say(port, bearing("alice's"))).resolves.toBe("vision 0");
        await expect(say(port, bearing("bob's"))).resolves.toBe("speech 0");
        await expect(say(port, bearing(clusterToken))).resolves.toBe("members 0");
      });
    });

    it("refuses who brings no token, an unknown one, or one without the role, and says what is missing", async () => {
      const config = await files([entry("carol's", "ops", ["operate"])]);
      await serving(await load(config), async (port) => {
        const none = await failureOf(say(port));
        expect([none.code, none.message]).toEqual([
          Code.UNAUTHENTICATED,
          expect.stringContaining("needs a token with the role query"),
        ]);
        const unknown = await failureOf(say(port, bearing("mallory's")));
        expect([unknown.code, unknown.message]).toEqual([
          Code.UNAUTHENTICATED,
          expect.stringContaining("the one that came is not known"),
        ]);
        const other = await failureOf(say(port, bearing("carol's")));
        expect([other.code, other.message]).toEqual([
          Code.PERMISSION_DENIED,
          expect.stringMatching(/Say needs the role query; the token of 'ops' has: operate$/),
        ]);
      });
    });

    it("asks members for the token that they share, and lets a second one in while they change it", async () => {
      const config = await files([entry("alice's", "vision", ["query", "register", "operate"])]);
      const security = await load(config);
      await serving(security, async (port) => {
        const joinWith = async (dial: DialSecurity) => {
          const client = createRpcClient(EchoService, `127.0.0.1:${port}`, { dial });
          try {
            return await client.join(
              (async function* () {
                yield { value: "a" };
              })(),
            );
          } finally {
            client.close();
          }
        };
        await expect(joinWith(security.dial)).resolves.toMatchObject({ value: "a" });
        expect((await failureOf(joinWith(bearing("alice's")))).code).toBe(Code.PERMISSION_DENIED);
        expect((await failureOf(joinWith(dialPlain))).code).toBe(Code.UNAUTHENTICATED);
        const next = "n".repeat(32);
        writeFileSync(config.clusterTokenFile, `${next}\n${clusterToken}\n`);
        await until(() => security.dial.authorization() === `Bearer ${next}`);
        expect(security.members.accepted()).toEqual([`Bearer ${next}`, `Bearer ${clusterToken}`]);
        for (const token of [next, clusterToken])
          await expect(joinWith(bearing(token))).resolves.toMatchObject({ value: "a" });
      });
    });

    it("follows its file", async () => {
      const config = await files([entry("old", "vision", ["query"])]);
      await serving(await load(config), async (port) => {
        writeFileSync(
          config.tokens,
          JSON.stringify({ tokens: [{ ...entry("new", "vision", ["query"]), inFlightMax: 3 }] }),
        );
        await until(() =>
          say(port, bearing("new")).then(
            () => true,
            () => false,
          ),
        );
        expect((await failureOf(say(port, bearing("old")))).code).toBe(Code.UNAUTHENTICATED);
      });
    });

    it("refuses a token that was taken back with the next call on a connection that stands", async () => {
      const config = await files([
        entry("alice's", "vision", ["query"]),
        entry("bob's", "speech", ["query"]),
      ]);
      const security = await load(config);
      await serving(security, async (port) => {
        const clients = ["alice's", "bob's"].map((token) =>
          createRpcClient(EchoService, `127.0.0.1:${port}`, { dial: bearing(token) }),
        );
        const [alice, bob] = clients as [(typeof clients)[0], (typeof clients)[0]];
        for (let i = 0; i < 3; i++) await alice.say({ value: "" });
        await bob.say({ value: "" });
        let changes = 0;
        security.guard?.onChange(() => changes++);
        writeFileSync(
          config.tokens,
          JSON.stringify({ tokens: [entry("bob's", "speech-2", ["query", "operate"])] }),
        );
        await until(() => changes > 0);
        expect((await failureOf(alice.say({ value: "" }))).code).toBe(Code.UNAUTHENTICATED);
        await expect(bob.say({ value: "" })).resolves.toMatchObject({ value: "speech-2 0" });
        for (const client of clients) client.close();
      });
    });

    it("tells apart the many tokens that a gateway brings on one connection", async () => {
      const names = Array.from({ length: 30 }, (_, i) => `user-${i}`);
      const config = await files(names.map((name) => entry(`${name}'s`, name, ["query"])));
      await serving(await load(config), async (port) => {
        const gateway = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
        const sayAs = (token: string) =>
          new Promise<string>((resolve) => {
            const metadata = new Metadata();
            metadata.set("authorization", `Bearer ${token}`);
            const identity = (bytes: Buffer) => bytes;
            const done = (error: { code: number } | null, answer?: Buffer) =>
              resolve(error === null ? String(answer?.subarray(2)) : `code ${error.code}`);
            gateway.makeUnaryRequest("/test.Echo/Say", identity, identity, Buffer.alloc(0), metadata, done);
          });
        for (let round = 0; round < 3; round++) {
          const heard = await Promise.all([...names.map((name) => sayAs(`${name}'s`)), sayAs("mallory's")]);
          expect(heard).toEqual([...names.map((name) => `${name} 0`), `code ${Code.UNAUTHENTICATED}`]);
        }
        gateway.close();
      });
    });

    it.each([
      ["no Bearer token", "Basic alice's"],
      ["longer than any token", `Bearer ${"alice's".padEnd(5_000, "x")}`],
      ["empty", ""],
    ])("knows nobody by an authorization that is %s", async (_, authorization) => {
      const config = await files([entry("alice's", "vision", ["query"])]);
      await serving(await load(config), async (port) => {
        const dial = { ...dialPlain, authorization: () => authorization };
        const { code, message } = await failureOf(say(port, dial));
        expect([code, message]).toEqual([
          Code.UNAUTHENTICATED,
          expect.stringContaining("the one that came is not known"),
        ]);
      });
    });

    it("lets health be asked without a token", async () => {
      await serving(await load(await files([])), async (port) => {
        const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
        const status = await new Promise((resolve) => {
          const identity = (bytes: Buffer) => bytes;
          const path = "/grpc.health.v1.Health/Check";
          client.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), (_, bytes) => resolve(bytes));
        });
        expect(status).toEqual(Buffer.from([8, 1]));
        client.close();
      });
    });

    it("does not serve a method that nobody has stated a role for", async () => {
      const config = await files([]);
      const security = await loadSecurity(
        { ...nothing, ...config },
        { clock: systemClock, logger, requirementOf: () => undefined },
      );
      expect(() => createRpcServer({ logger, security, transport: open() })).toThrow(/no role is stated for/);
      security.close();
    });
  });

  describe("openSecurity", () => {
    it("knows callers by their address", async () => {
      await serving(openSecurity, async (port) => {
        await expect(say(port)).resolves.toBe("127.0.0.1 0");
      });
    });
  });
});
