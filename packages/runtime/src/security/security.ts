import { credentials } from "@grpc/grpc-js";
import type { Logger } from "../process/logger";
import type { Clock } from "../time/clock";
import { type CallGuard, createCallGuard } from "./call-guard";
import type { Requirement } from "./caller";
import { type DialSecurity, dialPlain } from "./dial-security";
import type { SecurityConfig } from "./security-options";
import { TlsIdentity } from "./tls-identity";
import { TokenTable } from "./tokens";
import { WatchedFiles } from "./watched-files";

/** TLS, tokens and certificates of one process, for its servers and its clients. */
export interface Security {
  /** Certificates of its servers; null: they serve in the clear. */
  readonly tls: TlsIdentity | null;
  /** Who may call what; null: anybody anything. */
  readonly guard: CallGuard | null;
  /** What members have to present where they do not speak gRPC. */
  readonly members: MemberCredentials;
  /** How members are called. */
  readonly dial: DialSecurity;
  /** Stops following the files. */
  close(): void;
}

/**
 * What members present to each other, in the form of `authorization`; the first is what this process presents
 * itself.
 */
export interface MemberCredentials {
  /** All that are accepted now; null: nothing has to be presented. */
  accepted(): readonly string[] | null;
  /** Calls `f` after each change; the function returned ends it. */
  onChange(f: () => void): () => void;
}

/** The loopback interface: in the clear, open to every process of this machine. */
export const openSecurity: Security = {
  tls: null,
  guard: null,
  members: { accepted: () => null, onChange: () => () => {} },
  dial: dialPlain,
  close: () => {},
};

export interface SecurityWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What each method asks of its caller; undefined: the method is unknown. */
  readonly requirementOf: (path: string) => Requirement | undefined;
}

/** Shortest cluster token: 16 random bytes in hexadecimal. */
const CLUSTER_TOKEN_CHARS_MIN = 32;

/** Reads the files that the options name and follows them. FAILED_PRECONDITION when one cannot be used. */
export async function loadSecurity(config: SecurityConfig, world: SecurityWorld): Promise<Security> {
  const { tlsCert, tlsKey, tlsClientCa, tlsCa, clusterTokenFile, tokens: tokensFile = null } = config;
  const paths = { certificate: tlsCert, key: tlsKey, clientCa: tlsClientCa, ca: tlsCa };
  const identity = tlsCert === null && tlsCa === null ? null : await TlsIdentity.open(paths, world);
  const clusterTokens = await follow("cluster token", clusterTokenFile, clusterTokensOf, world);
  const tokens = await follow("tokens", tokensFile, (text) => TokenTable.parse(text), world);
  const rules = {
    requirementOf: world.requirementOf,
    tokens: () => tokens?.value ?? null,
    clusterTokens: () => clusterTokens?.value ?? null,
    onChange: (f: () => void) => {
      const ends = [tokens?.onChange(f), clusterTokens?.onChange(f)];
      return () => {
        for (const end of ends) end?.();
      };
    },
  };
  return {
    tls: identity?.hasOwn ? identity : null,
    guard: clusterTokens === null && tokens === null ? null : createCallGuard(rules),
    members: {
      accepted: () => clusterTokens?.value.map(bearing) ?? null,
      onChange: (f) => clusterTokens?.onChange(f) ?? (() => {}),
    },
    dial: {
      credentials:
        identity?.channelCredentials(config.tlsServerName ?? undefined) ?? credentials.createInsecure(),
      authorization: () => (clusterTokens === null ? null : bearing(clusterTokens.value[0])),
      material: () => identity?.clientOptions() ?? null,
    },
    close: () => {
      for (const files of [identity, clusterTokens, tokens]) files?.close();
    },
  };
}

function bearing(token: string): string {
  return `Bearer ${token}`;
}

async function follow<T>(
  what: string,
  path: string | null,
  read: (text: string) => T,
  { clock, logger }: SecurityWorld,
): Promise<WatchedFiles<T> | null> {
  if (path === null) return null;
  const paths = [path];
  return WatchedFiles.open({
    what,
    paths,
    read: ([bytes]) => read(bytes?.toString("utf8") ?? ""),
    clock,
    logger,
  });
}

/**
 * One token a line: the first is sent, all are accepted, so that a new one can be brought to all members in
 * turn.
 */
function clusterTokensOf(text: string): readonly [string, ...string[]] {
  const [first, ...others] = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (first === undefined) throw new Error("it is empty");
  const short = [first, ...others].find(
    (token) => token.length < CLUSTER_TOKEN_CHARS_MIN || !/^[!-~]+$/.test(token),
  );
  if (short !== undefined)
    throw new Error(
      `a token in it has ${short.length} characters; at least ${CLUSTER_TOKEN_CHARS_MIN} visible ones without spaces are needed`,
    );
  return [first, ...others];
}
