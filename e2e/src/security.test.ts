import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestAuthority } from "@infaas/runtime/dist/security/certificates.testing";
import { Cluster, infaas, root } from "./cluster";

jest.setTimeout(300_000);

const digest = (token: string) => createHash("sha256").update(token).digest("hex");

describe("a system with TLS, client certificates and tokens", () => {
  let folder: string;
  let cluster: Cluster;
  let certificates: string[];
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "infaas-security-"));
    const authority = await TestAuthority.create();
    const own = await authority.issue("infaas");
    certificates = ["--tls-ca", authority.path, "--tls-cert", own.certificate, "--tls-key", own.key];
    const tokens = [
      { sha256: digest("asks"), tenant: "vision", roles: ["query"] },
      { sha256: digest("operates"), tenant: "ops", roles: ["operate", "query"] },
    ];
    cluster = await Cluster.start({
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
      ...as("asks"),
    );
    expect(answer).toMatchObject({ status: 0, stdout: expect.stringContaining("digits-logreg") });
    const status = await infaas(cluster, "status", ...as("operates"));
    expect(status).toMatchObject({ status: 0, stdout: expect.stringContaining("executor-1") });
  });

  it.each([
    ["without a token", "models", () => certificates, "UNAUTHENTICATED"],
    ["with an unknown token", "models", () => as("guesses"), "UNAUTHENTICATED"],
    ["without the role", "status", () => as("asks"), "PERMISSION_DENIED: .* needs the role operate"],
    ["in the clear", "models", () => [], "UNAVAILABLE"],
    ["without a certificate", "models", () => certificates.slice(0, 2), "UNAVAILABLE"],
  ])("refuses one who calls %s", async (_how, verb, options, reason) => {
    const { status, stderr } = await infaas(cluster, verb, ...options());
    expect(status).not.toBe(0);
    expect(stderr).toMatch(new RegExp(reason));
  });
});
