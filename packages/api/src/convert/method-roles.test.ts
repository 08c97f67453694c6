import type { DescService } from "@bufbuild/protobuf";
import * as api from "../index";
import { memberMethodRole, userMethodRole } from "./method-roles";

const services = (Object.values(api) as readonly unknown[]).filter(
  (value): value is DescService => (value as { kind?: unknown }).kind === "service",
);
/** Ours to call, not to serve. */
const served = services.filter(({ typeName }) => typeName !== api.TraceService.typeName);
const paths = served.flatMap((service) => service.methods.map((m) => `/${service.typeName}/${m.name}`));

describe("userMethodRole", () => {
  it("has a role for every method of every service", () => {
    expect(served.length).toBeGreaterThanOrEqual(8);
    expect(paths.filter((path) => userMethodRole(path) === undefined)).toEqual([]);
  });

  it.each([
    ["/inference.GRPCInferenceService/ModelInfer", "query"],
    ["/inference.GRPCInferenceService/SystemSharedMemoryRegister", "operate"],
    ["/infaas.v1.CatalogService/RegisterModel", "register"],
    ["/infaas.v1.ExecutionService/Link", "member"],
    ["/grpc.health.v1.Health/Watch", "anyone"],
    ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "query"],
    ["/infaas.v1.CatalogService/Nothing", undefined],
  ])("says of %s: %s", (path, role) => expect(userMethodRole(path)).toBe(role));
});

describe("memberMethodRole", () => {
  it("keeps everything but probes to members", () => {
    const open = paths.filter((path) => memberMethodRole(path) !== "member");
    expect(open).toEqual([
      "/inference.GRPCInferenceService/ServerLive",
      "/inference.GRPCInferenceService/ServerReady",
      "/grpc.health.v1.Health/Check",
      "/grpc.health.v1.Health/Watch",
      "/grpc.health.v1.Health/List",
    ]);
    expect(memberMethodRole("/infaas.v1.CatalogService/Nothing")).toBeUndefined();
  });
});
