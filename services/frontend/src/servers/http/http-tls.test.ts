import { readFileSync, renameSync } from "node:fs";
import { Agent, request } from "node:https";
import { connect, type TLSSocket } from "node:tls";
import { userMethodRole } from "@infaas/api";
import {
  addressOf,
  createLogger,
  dialPlain,
  loadSecurity,
  readConfig,
  type Security,
  systemClock,
} from "@infaas/runtime";
import { type CertificateFiles, TestAuthority } from "@infaas/runtime/testing/certificates";
import { frontendOptions } from "../../config";
import { type House, startHouse, TASK } from "../../testing/house";
import { inferBody } from "../../testing/http-client";

jest.setTimeout(30_000);

/** What a caller shows and trusts. */
interface Shown {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

const shown = ({ certificate, key }: CertificateFiles) => ({
  cert: readFileSync(certificate),
  key: readFileSync(key),
});

describe("HTTP face with TLS and an authority for callers", () => {
  let authority: TestAuthority;
  let own: CertificateFiles;
  let security: Security;
  let house: House;
  let port = 0;
  let trusting: Shown;
  let known: Shown;

  beforeAll(async () => {
    authority = await TestAuthority.create();
    own = await authority.issue("first", "own");
    const options = ["--tls-cert", own.certificate, "--tls-key", own.key, "--tls-client-ca", authority.path];
    const read = readConfig(frontendOptions, options, {});
    if (!read.ok) throw new Error(read.faults.join("; "));
    const world = { clock: systemClock, logger: createLogger({ service: "test", level: "error" }) };
    security = await loadSecurity(read.config, { ...world, requirementOf: userMethodRole });
    // Members of the fixture speak in the clear; the face does not.
    house = await startHouse({ e1: ["mlp@1"] }, undefined, [], { ...security, dial: dialPlain });
    port = addressOf(house.frontend.httpAddress ?? "").port;
    trusting = { ca: readFileSync(authority.path) };
    known = { ...trusting, ...shown(await authority.issue("caller")) };
  });
  afterAll(async () => {
    await house.stop();
    security.close();
  });

  /** Asks one query on a connection of its own, or of the agent; resolves with the status. */
  function ask(tls: Shown, agent: Agent | false = false): Promise<number> {
    return new Promise((resolve, reject) => {
      const path = `/v2/models/${TASK}/infer`;
      const sent = request({ ...tls, agent, host: "127.0.0.1", port, path, method: "POST" }, (response) => {
        response.resume().once("end", () => resolve(response.statusCode ?? 0));
      });
      sent.once("error", reject);
      sent.end(inferBody());
    });
  }

  /** Common name of the certificate that a new connection is shown. */
  function shownName(): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket: TLSSocket = connect({ ...known, host: "127.0.0.1", port }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.once("error", reject);
    });
  }

  it("answers a caller whom the authority vouches for", async () => {
    expect(await ask(known)).toBe(200);
  });

  it("cuts off a caller without a certificate, and one whose certificate another authority made", async () => {
    await expect(ask(trusting)).rejects.toThrow(/certificate required|ECONNRESET|socket hang up/i);
    const stranger = await TestAuthority.create("stranger");
    const forged = { ...trusting, ...shown(await stranger.issue("caller")) };
    await expect(ask(forged)).rejects.toThrow(/unknown ca|alert|ECONNRESET|socket hang up/i);
    expect(await ask(known)).toBe(200);
  });

  it("is not trusted by a caller that expects another authority", async () => {
    const stranger = await TestAuthority.create("stranger");
    await expect(ask({ ...known, ca: readFileSync(stranger.path) })).rejects.toThrow(/certificate/);
  });

  it("answers nothing in the clear", async () => {
    await expect(fetch(`http://127.0.0.1:${port}/v2/health/live`)).rejects.toThrow("fetch failed");
  });

  it("shows new connections the certificate that has come since, while those that stand live on", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await ask(known, agent)).toBe(200);
    expect(await shownName()).toBe("first");
    const next = await authority.issue("second", "next");
    renameSync(next.key, own.key);
    renameSync(next.certificate, own.certificate);
    const giveUpMs = performance.now() + 10_000;
    while ((await shownName()) !== "second") expect(performance.now()).toBeLessThan(giveUpMs);
    const [standing] = Object.values(agent.freeSockets).flat();
    expect(await ask(known, agent)).toBe(200);
    expect(Object.values(agent.freeSockets).flat()).toEqual([standing]);
    expect((standing as TLSSocket).getPeerCertificate().subject.CN).toBe("first");
    agent.destroy();
    expect(await ask(known)).toBe(200);
  });
});
