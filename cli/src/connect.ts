import { type ConnectOptions, createInfaasClient, type InfaasClient } from "@infaas/client";
import { Code, parseAddress, ServiceError } from "@infaas/runtime";
import type { Arguments } from "./command/verb";
import { readNamedFile } from "./files/named-file";

/** Address of a frontend started by `infaas up` without options. */
const defaultAddress = "127.0.0.1:8001";

/** Runs `use` with a client to the frontend the arguments name, and closes it afterwards. */
export async function withClient<T>(args: Arguments, use: (client: InfaasClient) => Promise<T>): Promise<T> {
  const address = addressNamed(args);
  const client = createInfaasClient(address, connectOptions(args));
  try {
    return await use(client);
  } catch (error) {
    throw unconnected(ServiceError.from(error), address);
  } finally {
    client.close();
  }
}

/** Returns the `host:port` that the arguments name. @throws ServiceError INVALID_ARGUMENT with the form that is taken. */
export function addressNamed(args: Arguments): string {
  const said = args.text("address");
  const address = said ?? process.env.INFAAS_ADDRESS ?? defaultAddress;
  const parsed = parseAddress(address);
  if (parsed !== null && parsed.port > 0) return address;
  const source = said === undefined ? "INFAAS_ADDRESS" : "--address";
  const taken = "host:port with a port from 1 to 65535, an IPv6 host in brackets, as in 127.0.0.1:8001";
  const hint = /^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? "; leave out what is before the host" : "";
  throw new ServiceError(Code.INVALID_ARGUMENT, `${source} is '${address}'; it takes ${taken}${hint}`);
}

const START = "start a system with 'npm start' in a checkout or with 'infaas up'";

/** The failure of a call; where there was no connection, with what to do about it. */
export function unconnected(failure: ServiceError, address: string): ServiceError {
  const { code, message } = failure;
  if (code !== Code.UNAVAILABLE) return failure;
  const told = (sentence: string) => new ServiceError(code, sentence, { cause: failure });
  if (message.includes("ECONNREFUSED"))
    return told(`nothing listens on ${address}; ${START}, or name another frontend with --address`);
  if (message.startsWith("Name resolution failed"))
    return told(`the host of ${address} is not known; name another with --address`);
  if (!message.startsWith("No connection established")) return failure;
  const why = /Last error: (?:\w+: )?(.*?)\.? Resolution note/.exec(message)?.[1] ?? message;
  const check = "see that it is a frontend's gRPC port, and whether it needs --tls-ca";
  return told(`no connection to ${address}: ${why}; ${check}`);
}

/** Returns TLS files and token named by the arguments. Throws INVALID_ARGUMENT for a file that cannot be read. */
export function connectOptions(args: Arguments): ConnectOptions {
  const file = (name: string) => {
    const path = args.text(name) ?? process.env[`INFAAS_${name.replaceAll("-", "_").toUpperCase()}`];
    return path === undefined ? undefined : readNamedFile(`--${name}`, path);
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
