import { probeWire, Wire } from "@infaas/wire";
import type { Caller } from "../../security/caller";
import { tested } from "../../testing/tested-server";
import { createTransportServer } from "./transport-server";

tested.createServer = (o) => createTransportServer(new Wire<Caller>(), o);

describe("on the native wire", () => {
  it("runs in this process", () => expect(probeWire({ tls: true })).toEqual({ ok: true, detail: "" }));

  for (const suite of ["server", "raw", "health", "reflection"]) require(`./${suite}.test`);
  for (const suite of ["call-guard", "security"]) require(`../../security/${suite}.test`);
});
