import { createRpcServer, type RpcServer, type RpcServerOptions } from "./server";

/** The server that the suites of this folder test: grpc-js, unless another was put here before they were loaded. */
export const tested: { createServer(o: RpcServerOptions): RpcServer } = { createServer: createRpcServer };
