import { renameSync } from "node:fs";
import {
  createLogger,
  loadSecurity,
  type Security,
  type SecurityConfig,
  sleep,
  systemClock,
} from "@infaas/runtime";
import { type CertificateFiles, TestAuthority } from "@infaas/runtime/testing/certificates";
import { EtcdServer, findEtcd } from "../testing/etcd-server";
import { openEtcdStore } from "./etcd-store";
import type { MetadataStore, StoreEvent } from "./store";

jest.setTimeout(60_000);

const binary = findEtcd();
if (binary === null) {
  describe("etcd store over TLS (SKIPPED: no etcd; npm run etcd:install -w @infaas/metadata)", () => {
    it("is not tested on this machine", () => expect(binary).toBeNull());
  });
} else describeTls(binary);

const nothing: SecurityConfig = {
  tlsCert: null,
  tlsKey: null,
  tlsClientCa: null,
  tlsCa: null,
  tlsServerName: null,
  clusterTokenFile: null,
  insecure: false,
};

function describeTls(path: string): void {
  describe("openEtcdStore when etcd speaks TLS and asks for a certificate", () => {
    let authority: TestAuthority;
    let server: EtcdServer;
    const opened: (Security | MetadataStore)[] = [];

    beforeAll(async () => {
      authority = await TestAuthority.create();
      const own = await authority.issue("etcd");
      server = await EtcdServer.start(path, { ...own, clientCa: authority.path });
    });
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close();
    });
    afterAll(() => server.remove());

    /** A store with the files of these options, as the metadata process opens it. */
    async function open(config: Partial<SecurityConfig>): Promise<MetadataStore> {
      const logger = createLogger({ service: "test", level: "error" });
      const world = { clock: systemClock, logger, requirementOf: () => undefined };
      const security = await loadSecurity({ ...nothing, ...config }, world);
      const tls = () => security.dial.material();
      const store = openEtcdStore({ hosts: [server.address], clock: systemClock, tls });
      opened.push(store, security);
      return store;
    }
    const filesOf = async (issuer: TestAuthority, name: string) => {
      const { certificate, key } = await issuer.issue(name);
      return { tlsCert: certificate, tlsKey: key };
    };
    const put = (store: MetadataStore, key: string) =>
      store.transaction({
        compares: [],
        writes: [{ kind: "put", key, value: Buffer.from("1"), leaseId: null }],
      });

    it("works with a certificate of the authority that etcd trusts", async () => {
      const store = await open({ tlsCa: authority.path, ...(await filesOf(authority, "metadata")) });
      expect(await put(store, "tls/good")).toMatchObject({ kind: "committed" });
      expect((await store.get("tls/good"))?.value).toEqual(Buffer.from("1"));
    });

    it("is kept out without a certificate, with one of others, and trusts no other etcd", async () => {
      const stranger = await TestAuthority.create("stranger");
      const own = await filesOf(authority, "mistrustful");
      for (const config of [
        { tlsCa: authority.path },
        { tlsCa: authority.path, ...(await filesOf(stranger, "forged")) },
        { tlsCa: stranger.path, ...own },
      ]) {
        const store = await open(config);
        await expect(store.get("tls/good")).rejects.toThrow("etcd: ");
      }
    });

    it("follows its certificate while it runs, and its watches live on", async () => {
      const stranger = await TestAuthority.create("not trusted");
      const { certificate, key } = await stranger.issue("metadata", "own");
      const store = await open({ tlsCa: authority.path, tlsCert: certificate, tlsKey: key });
      await expect(store.get("tls/a")).rejects.toThrow("etcd: ");
      replace({ certificate, key }, await authority.issue("metadata", "trusted"));
      await eventually(() => put(store, "tls/a"));
      const { revision } = await store.list("tls/");
      const seen: StoreEvent[] = [];
      store.watch({ prefix: "tls/", fromRevision: revision + 1n }, (event) => seen.push(event));
      replace({ certificate, key }, await stranger.issue("metadata", "again"));
      await eventually(async () => {
        const refused = await store.get("tls/a").then(
          () => false,
          () => true,
        );
        if (!refused) throw new Error("the certificate of before is still shown");
      });
      const other = await open({ tlsCa: authority.path, ...(await filesOf(authority, "writer")) });
      await put(other, "tls/b");
      await eventually(async () => expect(seen).toMatchObject([{ kind: "changes" }]));
    });
  });
}

/** Puts files in the place of others, as whoever renews certificates does. */
function replace(old: CertificateFiles, fresh: CertificateFiles): void {
  renameSync(fresh.key, old.key);
  renameSync(fresh.certificate, old.certificate);
}

/** Repeats a call until the certificates have been read again. */
async function eventually(call: () => Promise<unknown>): Promise<void> {
  const giveUpMs = systemClock.nowMs() + 10_000;
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      if (systemClock.nowMs() > giveUpMs) throw error;
      await sleep(systemClock, 50);
    }
  }
}
