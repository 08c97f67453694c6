import { Wire } from "@infaas/wire";
import { createLogger } from "../../process/logger";
import type { Caller } from "../../security/caller";
import { loadSecurity, type Security } from "../../security/security";
import { TestAuthority } from "../../testing/certificates";
import { tested } from "../../testing/tested-server";
import { systemClock } from "../../time/clock";
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
