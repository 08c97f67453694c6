import { probeWire, Wire } from "@infaas/wire";
import type { Caller } from "../security/caller";
import { tested } from "./tested-server.testing";
import { createTransportServer } from "./transport-server";

tested.createServer = (o) => createTransportServer(new Wire<Caller>(), o);

describe("on the native wire", () => {
  it("runs in this process", () => expect(probeWire()).toEqual({ ok: true, detail: "" }));

  for (const suite of ["server", "raw", "health", "reflection"]) require(`./${suite}.test`);
  require("../security/call-guard.test");
});
