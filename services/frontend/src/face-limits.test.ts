import { serverLimitsDefault } from "@infaas/runtime";
import { serverLimitsDefault as nativeLimitsDefault } from "@infaas/wire";

describe("limits of faces", () => {
  it("are the same on both gRPC servers, under the same names", () => {
    expect(nativeLimitsDefault).toEqual(serverLimitsDefault);
  });
});
