import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectOptions } from "@infaas/client";
import { Code, type SecurityConfig, ServiceError, securityFaults } from "@infaas/runtime";
import type { Arguments, VerbOption } from "../command/verb";
import { connectOptions } from "../connect";
import { mustBeFile, readNamedFile } from "../files/named-file";

/** Length of the token that `infaas up` makes for calls between its processes, bytes. */
const CLUSTER_TOKEN_BYTES = 32;

/** Options whose files the processes of a system read when they start. */
const FILES = ["tls-cert", "tls-key", "tls-client-ca", "tls-ca", "cluster-token-file", "tokens"] as const;

/** Options of `infaas up` for TLS, tokens and addresses beyond the loopback interface. */
export const clusterSecurityOptions: Readonly<Record<string, VerbOption>> = {
  host: {
    type: "string",
    doc: "Address that the frontend listens on, over gRPC and HTTP; beyond the loopback interface it needs TLS and tokens or --tls-client-ca.",
    default: "127.0.0.1",
  },
  "tls-client-ca": {
    type: "string",
    doc: "PEM file of the authorities that vouch for callers; a caller without a certificate of theirs is cut off.",
  },
  tokens: { type: "string", doc: "JSON file of the tokens that users present." },
  "cluster-token-file": {
    type: "string",
    doc: "File with the secret of the members; with --tokens one is made in the data folder.",
  },
  insecure: { type: "boolean", doc: "Listen beyond the loopback interface unprotected." },
};

/**
 * Returns certificates, tokens and roles of a system on this machine. Throws INVALID_ARGUMENT with every
 * fault.
 */
export function clusterSecurity(args: Arguments, o: { dataFolder: string; port: number }): SecurityConfig {
  const text = (name: string) => args.text(name) ?? null;
  const tokens = text("tokens");
  const security: SecurityConfig = {
    tlsCert: text("tls-cert"),
    tlsKey: text("tls-key"),
    tlsClientCa: text("tls-client-ca"),
    tlsCa: text("tls-ca"),
    tlsServerName: text("tls-server-name"),
    clusterTokenFile: text("cluster-token-file") ?? (tokens === null ? null : ownClusterToken(o.dataFolder)),
    tokens,
    insecure: args.flag("insecure"),
  };
  const faults = securityFaults(security, [`${text("host")}:${o.port}`]);
  if (faults.length > 0) throw new ServiceError(Code.INVALID_ARGUMENT, faults.join("; "));
  for (const name of FILES) {
    const path = text(name);
    if (path !== null) mustBeFile(`--${name}`, path);
  }
  return security;
}

/** Returns how `infaas up` itself calls the frontend: with the members' certificate and token. */
export function memberConnection(args: Arguments, { clusterTokenFile }: SecurityConfig): ConnectOptions {
  const connection = connectOptions(args);
  if (clusterTokenFile === null) return connection;
  const [first = ""] = readNamedFile("--cluster-token-file", clusterTokenFile).toString().trim().split("\n");
  return { ...connection, token: first.trim() };
}

function ownClusterToken(dataFolder: string): string {
  const path = join(dataFolder, "cluster-token");
  mkdirSync(dataFolder, { recursive: true });
  if (!existsSync(path))
    writeFileSync(path, `${randomBytes(CLUSTER_TOKEN_BYTES).toString("hex")}\n`, { mode: 0o600 });
  return path;
}
