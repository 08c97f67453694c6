import { createRpcServer, type RpcServer, type RpcServerOptions } from "../rpc/server/server";
import { type DialSecurity, dialPlain } from "../security/dial-security";

/** The server that the suites of this folder test, and how it is called: grpc-js in the clear, unless others were put here before they ran. */
export const tested: { createServer(o: RpcServerOptions): RpcServer; dial: DialSecurity } = {
  createServer: createRpcServer,
  dial: dialPlain,
};
