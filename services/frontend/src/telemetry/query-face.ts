import { type Code, codeName } from "@infaas/runtime";

/** What a query came in by, in the words of OpenTelemetry's conventions for servers of RPC and HTTP. */
export interface QueryFace {
  /** Name of its span. */
  readonly span: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Attribute that says how it ended. */
  readonly statusName: "rpc.response.status_code" | "http.response.status_code";
  /** Value of that attribute. */
  status(code: Code): string | number;
}

/** The face of a method of gRPC, or of the same method by another protocol: `/package.Service/Method`. */
export function rpcFace(path: string, system: "grpc" | "connectrpc" = "grpc"): QueryFace {
  const method = path.slice(1);
  return {
    span: method,
    attributes: { "rpc.system.name": system, "rpc.method": method },
    statusName: "rpc.response.status_code",
    status: codeName,
  };
}
