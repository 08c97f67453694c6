import { type Caller, createLogger, openSecurity, type Security } from "@infaas/runtime";
import { Wire } from "@infaas/wire";
import { openIngress } from "./ingress";

const logger = createLogger({ service: "test", level: "error" });

describe("openIngress", () => {
  const everything = { ...openSecurity, tls: {}, guard: {} } as Security;

  it.each([
    ["in the clear", openSecurity],
    ["with TLS and tokens", everything],
  ])("is the native server %s, where this process can run it", (_, security) => {
    for (const wanted of ["auto", "native"] as const) {
      const wire = openIngress(wanted, security, logger);
      expect(wire).toBeInstanceOf(Wire<Caller>);
      wire?.close();
    }
  });

  it("is grpc-js where the operator wants that", () => {
    expect(openIngress("grpc", openSecurity, logger)).toBeNull();
  });
});
