import { Code, ServiceError } from "@infaas/runtime";
import { exitStatusOf, failureOf } from "./failure";

describe("exitStatusOf", () => {
  it.each([
    [Code.INVALID_ARGUMENT, 2],
    [Code.FAILED_PRECONDITION, 1],
    [Code.NOT_FOUND, 1],
    [Code.RESOURCE_EXHAUSTED, 1],
    [Code.UNAUTHENTICATED, 1],
    [Code.UNAVAILABLE, 3],
    [Code.DEADLINE_EXCEEDED, 3],
    [Code.INTERNAL, 3],
  ])("tells code %d by status %d", (code, status) => {
    expect(exitStatusOf(code)).toBe(status);
  });
});

describe("failureOf", () => {
  const system = (code: string) => Object.assign(new Error(code), { code, path: "/data" });

  it.each([
    ["EACCES", Code.INVALID_ARGUMENT],
    ["ENOSPC", Code.RESOURCE_EXHAUSTED],
    ["EIO", Code.UNAVAILABLE],
    ["EBADF", Code.INTERNAL],
  ])("tells the system's %s by code %d, also as a cause", (name, code) => {
    expect(failureOf(system(name)).code).toBe(code);
    expect(failureOf(ServiceError.from(system(name))).code).toBe(code);
  });

  it("leaves INTERNAL to bugs, with their message", () => {
    expect(failureOf(new TypeError("x is undefined"))).toMatchObject({
      code: Code.INTERNAL,
      message: "x is undefined",
    });
    const told = new ServiceError(Code.INTERNAL, "this is a bug");
    expect(failureOf(told).message).toBe("this is a bug");
  });
});
