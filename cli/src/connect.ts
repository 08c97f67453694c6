import { readFileSync } from "node:fs";
import { type ConnectOptions, createInfaasClient, type InfaasClient } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import type { Arguments } from "./verb";

/** Address of a frontend started by `infaas up` without options. */
const defaultAddress = "127.0.0.1:8001";

/** Runs `use` with a client to the frontend the arguments name, and closes it afterwards. */
export async function withClient<T>(args: Arguments, use: (client: InfaasClient) => Promise<T>): Promise<T> {
  const address = args.text("address") ?? process.env.INFAAS_ADDRESS ?? defaultAddress;
  const client = createInfaasClient(address, connectOptions(args));
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** Returns TLS files and token named by the arguments. Throws NOT_FOUND for a file that cannot be read. */
export function connectOptions(args: Arguments): ConnectOptions {
  const file = (name: string) => {
    const path = args.text(name) ?? process.env[`INFAAS_${name.replaceAll("-", "_").toUpperCase()}`];
    return path === undefined ? undefined : readOption(name, path);
  };
  const ca = file("tls-ca");
  const certificate = file("tls-cert");
  const key = file("tls-key");
  const serverName = args.text("tls-server-name");
  const token = file("token-file")?.toString("utf8").trim() ?? process.env.INFAAS_TOKEN;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(token === undefined ? {} : { token }),
  };
}

function readOption(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ServiceError(Code.NOT_FOUND, `--${name}: ${(cause as Error).message}`, { cause });
  }
}
