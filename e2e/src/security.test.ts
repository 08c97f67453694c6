import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type RequestOptions, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { ClusterService, ExecutionService } from "@infaas/api";
import { addressOf, Code, type DialSecurity, dialPlain, dialWith, openRawBidi } from "@infaas/runtime";
import { type CertificateFiles, TestAuthority } from "@infaas/runtime/testing/certificates";
import { Cluster, infaas, root } from "./cluster";
import { hasPython } from "./python-environment";
import { installStockClient, runStockClient } from "./stock-client";
import type { Face } from "./tritonclient/face";

jest.setTimeout(300_000);

const digest = (token: string) => createHash("sha256").update(token).digest("hex");

/** Secrets that must appear in no log. */
const secrets = {
  asks: "t0ken-of-one-who-asks-4f1c",
  operates: "t0ken-of-one-who-operates-9b2e",
  guesses: "t0ken-of-one-who-guesses-77d0",
};

/** Methods for members, with the offset of their port from the frontend's. */
interface MemberMethod {
  readonly service: DescService;
  readonly name: string;
  readonly offset: number;
}

describe("a system with TLS, client certificates and tokens", () => {
  let folder: string;
  let cluster: Cluster;
  let certificates: string[];
  let authority: TestAuthority;
  let own: CertificateFiles;
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "infaas-security-"));
    authority = await TestAuthority.create();
    own = await authority.issue("infaas");
    certificates = ["--tls-ca", authority.path, "--tls-cert", own.certificate, "--tls-key", own.key];
    const tokens = [
      { sha256: digest(secrets.asks), tenant: "vision", roles: ["query"] },
      { sha256: digest(secrets.operates), tenant: "ops", roles: ["operate", "query"] },
    ];
    cluster = await Cluster.start({
      // The most verbose level, which could leak most.
      env: { INFAAS_LOG_LEVEL: "debug" },
      zoo: "digits-logreg",
      args: [
        ...["--host", "0.0.0.0", ...certificates, "--tls-client-ca", authority.path],
        ...["--tokens", file("tokens.json", JSON.stringify({ tokens }))],
      ],
    });
  });
  afterAll(async () => {
    await cluster.stop();
    rmSync(folder, { recursive: true });
  });

  const as = (token: string) => [...certificates, "--token-file", file("token", `${token}\n`)];
  const image = join(root, "zoo", "examples", "seven.png");

  it("answers a query of one who may ask, and shows its state to one who operates", async () => {
    const answer = await infaas(
      cluster,
      ...["query", "digit-classification", "--image", image, "--json"],
      ...as(secrets.asks),
    );
    expect(answer).toMatchObject({ status: 0, stdout: expect.stringContaining("digits-logreg") });
    const status = await infaas(cluster, "status", ...as(secrets.operates));
    expect(status).toMatchObject({ status: 0, stdout: expect.stringContaining("executor-1") });
  });

  describe.each<Face>(["grpc", "http"])(
    "called by tritonclient over %s, whose plugin presents a token",
    (face) => {
      if (!hasPython()) {
        it("is SKIPPED here: python3 with venv and pip was not found", () => expect(hasPython()).toBe(false));
        return;
      }

      it("answers by the roles of that token", async () => {
        await installStockClient();
        const [, authority = "", , certificate = "", , key = ""] = certificates;
        const { address, httpAddress } = cluster;
        const at = [face, face === "grpc" ? address : httpAddress, "digits-logreg"];
        const words = [...at, authority, certificate, key, secrets.asks, secrets.operates];
        const seen = await runStockClient<Readonly<Record<string, object>>>("stock_secured.py", words);
        const refused = (code: string, status: string, sentence: string) => ({
          status: face === "grpc" ? `StatusCode.${code}` : status,
          message: expect.stringContaining(sentence),
        });
        const noToken = refused("UNAUTHENTICATED", "401", "needs a token with the role");
        const mayNot = (role: string) => refused("PERMISSION_DENIED", "403", `needs the role ${role}`);
        const live = { live: true };
        for (const who of [seen.nobody, seen.basic])
          expect(who).toEqual({ ...live, infer: noToken, load: noToken, bring: noToken });
        expect(seen.query).toEqual({
          ...live,
          infer: null,
          load: mayNot("operate"),
          bring: mayNot("operate"),
        });
        expect(seen.operate).toEqual({ ...live, infer: null, load: null, bring: mayNot("register") });
      });
    },
  );

  it.each([
    ["without a token", "models", () => certificates, "UNAUTHENTICATED"],
    ["with an unknown token", "models", () => as(secrets.guesses), "UNAUTHENTICATED"],
    ["without the role", "status", () => as(secrets.asks), "PERMISSION_DENIED: .* needs the role operate"],
    ["in the clear", "models", () => [], "UNAVAILABLE"],
    ["without a certificate", "models", () => certificates.slice(0, 2), "UNAVAILABLE"],
  ])("refuses one who calls %s", async (_how, verb, options, reason) => {
    const { status, stderr } = await infaas(cluster, verb, ...options());
    expect(status).not.toBe(0);
    expect(stderr).toMatch(new RegExp(reason));
  });

  /**
   * Calls a method for members with an empty message, with this certificate and token; resolves with its
   * status.
   */
  function callMember(method: MemberMethod, dial: DialSecurity): Promise<Code> {
    const port = addressOf(cluster.address).port + method.offset;
    const stream = openRawBidi(`127.0.0.1:${port}`, method.service, method.name, { dial });
    return new Promise((resolve) => {
      stream.onData(() => {});
      stream.onEnd((error) => resolve(error?.code ?? Code.OK));
      stream.write(new Uint8Array());
      stream.end();
    });
  }

  it.each<MemberMethod>([
    { service: ClusterService, name: "KeepAlive", offset: 100 },
    { service: ExecutionService, name: "ProfileModel", offset: 200 },
  ])("lets nobody but members call $name", async (method) => {
    const ca = readFileSync(authority.path);
    const shown = { ca, certificate: readFileSync(own.certificate), key: readFileSync(own.key) };
    const token = readFileSync(join(cluster.folder, "cluster-token"), "utf8").trim();
    const user = { ...shown, token: secrets.operates };
    expect(await callMember(method, dialPlain)).toBe(Code.UNAVAILABLE);
    expect(await callMember(method, dialWith({ ca }))).toBe(Code.UNAVAILABLE);
    expect(await callMember(method, dialWith(shown))).toBe(Code.UNAUTHENTICATED);
    expect(await callMember(method, dialWith(user))).toBe(Code.UNAUTHENTICATED);
    // A member passes the guard, and the handler refuses the empty message.
    const heard = await callMember(method, dialWith({ ...shown, token }));
    expect([Code.NOT_FOUND, Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION]).toContain(heard);
  });

  it("speaks TLS alone on its HTTP face, to callers with a certificate and a token", async () => {
    const shown = {
      ca: readFileSync(authority.path),
      cert: readFileSync(own.certificate),
      key: readFileSync(own.key),
    };
    const ask = (more: RequestOptions) =>
      new Promise<number | string>((resolve) => {
        const { host, port } = addressOf(cluster.httpAddress);
        const path = `/v2/models/nothing?access_token=${secrets.guesses}`;
        const sent = request({ host, port, path, agent: false, ...more }, (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        });
        sent.once("error", () => resolve("cut off"));
        sent.end();
      });
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    expect(await ask({ ca: shown.ca, ...bearer(secrets.asks) })).toBe("cut off");
    expect(await ask(shown)).toBe(401);
    expect(await ask({ ...shown, ...bearer(secrets.guesses) })).toBe(401);
    expect(await ask({ ...shown, ...bearer(secrets.asks) })).toBe(404);
  });

  it("wrote none of the secrets into a log, however much it logs", async () => {
    const logs = join(cluster.folder, "logs");
    const written = readdirSync(logs).map((name) => readFileSync(join(logs, name), "utf8"));
    const whole = written.join("") + cluster.output;
    expect(whole).toContain('"message":"frontend listens"');
    const token = readFileSync(join(cluster.folder, "cluster-token"), "utf8").trim();
    const key = readFileSync(own.key, "utf8").split("\n")[1] ?? "";
    expect(key.length).toBeGreaterThan(20);
    for (const secret of [...Object.values(secrets), token, key]) expect(whole).not.toContain(secret);
  });
});
