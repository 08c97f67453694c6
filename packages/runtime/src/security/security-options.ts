import { parseAddress } from "../process/address";
import type { ConfigOf, OptionTable } from "../process/config";

/** Options that every process of the system has. */
export const securityOptions = {
  tlsCert: {
    type: "string",
    default: null,
    doc: "PEM file of this process's certificate chain; with it every server of the process uses TLS, and members that ask are shown it. Read again when it changes.",
  },
  tlsKey: { type: "string", default: null, doc: "PEM file of the private key of --tls-cert." },
  tlsClientCa: {
    type: "string",
    default: null,
    doc: "PEM file of the authorities that vouch for callers; with it a caller without a certificate of theirs is cut off (mTLS).",
  },
  tlsCa: {
    type: "string",
    default: null,
    doc: "PEM file of the authorities that vouch for the members this process calls; none takes the roots that Node carries.",
  },
  tlsServerName: {
    type: "string",
    default: null,
    doc: "Name that the certificates of members carry, where it is not the host they are called at.",
  },
  clusterTokenFile: {
    type: "string",
    default: null,
    doc: "File with the secret that all members share: sent with every call to a member, asked of every member that calls. Read again when it changes.",
  },
  insecure: {
    type: "boolean",
    default: false,
    doc: "Listen beyond the loopback interface although anybody who reaches the port may read along or call.",
  },
} as const satisfies OptionTable;

/** The option of processes that serve users. */
export const tokenOptions = {
  tokens: {
    type: "string",
    default: null,
    doc: "JSON file of the tokens that users present, with tenant, roles and quotas (docs/operations.md, Security). Read again when it changes.",
  },
} as const satisfies OptionTable;

/** The values of `securityOptions`, and of `tokenOptions` where a process has them. */
export type SecurityConfig = ConfigOf<typeof securityOptions> & Partial<ConfigOf<typeof tokenOptions>>;

/**
 * Returns what in these options contradicts itself, or opens `listens` (`host:port` each) to the network
 * unprotected.
 */
export function securityFaults(config: SecurityConfig, listens: readonly string[]): readonly string[] {
  const faults: string[] = [];
  const { tlsCert, tlsKey, tlsClientCa, clusterTokenFile } = config;
  const tokens = config.tokens ?? null;
  if ((tlsCert === null) !== (tlsKey === null))
    faults.push("--tls-cert and --tls-key are given together or not at all");
  if (tlsClientCa !== null && tlsCert === null) faults.push("--tls-client-ca needs --tls-cert and --tls-key");
  if (tokens !== null && clusterTokenFile === null)
    faults.push("--tokens needs --cluster-token-file, so that members are told from users");
  if (config.insecure) return faults;
  const missing = [
    ...(tlsCert === null ? ["--tls-cert and --tls-key"] : []),
    ...(tlsClientCa === null && clusterTokenFile === null ? [callersNeed(config)] : []),
  ];
  for (const listen of listens.filter((address) => missing.length > 0 && !isLoopback(address)))
    faults.push(
      `listening on ${listen}, beyond the loopback interface, needs ${missing.join(", and ")}; or --insecure`,
    );
  return faults;
}

function callersNeed(config: SecurityConfig): string {
  return "tokens" in config
    ? "--tokens with --cluster-token-file, or --tls-client-ca"
    : "--cluster-token-file or --tls-client-ca";
}

/**
 * Returns whether only processes of this machine reach an address (`host:port`, `[::1]:port`, `unix:path`).
 */
export function isLoopback(listen: string): boolean {
  if (listen.startsWith("unix:")) return true;
  const { host = "" } = parseAddress(listen) ?? {};
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
