import { Wire } from "@infaas/wire";
import { systemClock } from "../clock";
import { createLogger } from "../logger";
import type { Caller } from "../security/caller";
import { TestAuthority } from "../security/certificates.testing";
import { loadSecurity, type Security } from "../security/security";
import { tested } from "./tested-server.testing";
import { createTransportServer } from "./transport-server";

describe("on the native wire with TLS and certificates of callers", () => {
  let security: Security;

  beforeAll(async () => {
    const authority = await TestAuthority.create();
    const { certificate, key } = await authority.issue("wire");
    const files = { tlsCert: certificate, tlsKey: key, tlsClientCa: authority.path, tlsCa: authority.path };
    security = await loadSecurity(
      { ...files, tlsServerName: null, clusterTokenFile: null, insecure: false },
      { clock: systemClock, logger: createLogger({ service: "test" }), requirementOf: () => "anyone" },
    );
    tested.createServer = (o) => createTransportServer(new Wire<Caller>(), { ...o, security });
    tested.dial = security.dial;
  });
  afterAll(() => security.close());

  for (const suite of ["server", "raw", "health", "reflection"]) require(`./${suite}.test`);
});
