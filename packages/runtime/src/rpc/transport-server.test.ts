import { probeWire, Wire } from "@infaas/wire";
import { tested } from "./tested-server.testing";
import { createTransportServer } from "./transport-server";

tested.createServer = (o) => createTransportServer(new Wire(), o);

describe("on the native wire", () => {
  it("runs in this process", () => expect(probeWire()).toEqual({ ok: true, detail: "" }));

  for (const suite of ["server", "raw", "health", "reflection"]) require(`./${suite}.test`);
});
