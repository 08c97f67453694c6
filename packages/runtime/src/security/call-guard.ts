import { Code, ServiceError } from "../errors";
import { type Caller, memberCaller, type Requirement, type Role, unnamedCaller } from "./caller";
import { sameToken, TOKEN_CHARS_MAX, type TokenTable } from "./tokens";

/** Facts of a call that its authorisation depends on. */
export interface GuardedCall {
  /** `/package.Service/Method`; a server of another protocol names the gRPC method that does the same. */
  readonly path: string;
  /** The header or metadata `authorization`. */
  readonly authorization: string | undefined;
  /** `host:port`. */
  readonly peer: string;
}

/** Authenticates calls and authorises them by role. */
export interface CallGuard {
  /** Returns who calls, or UNAUTHENTICATED or PERMISSION_DENIED. */
  admit(call: GuardedCall): Caller | ServiceError;
  /** Throws INTERNAL for a method without a stated requirement: it would be refused to everybody. */
  assertCovers(path: string): void;
  /**
   * Calls `f` after each change of tokens, from which on other callers may be admitted; the function returned
   * ends it.
   */
  onChange(f: () => void): () => void;
}

/** Tokens and rules of a guard; tokens are functions because their files are reloaded when they change. */
export interface GuardRules {
  /** What a method asks for; undefined: the method is not in the table. */
  readonly requirementOf: (path: string) => Requirement | undefined;
  /** Tokens of users; null: users need none. */
  readonly tokens: () => TokenTable | null;
  /** The secrets that members share; null: members need none. */
  readonly clusterTokens: () => readonly string[] | null;
  /** Calls `f` after each change of either; the function returned ends it. */
  readonly onChange: (f: () => void) => () => void;
}

const scheme = /^Bearer +([!-~]+)$/i;

/**
 * Returns the guard of one server. Where no token is needed the connection decides: loopback, or a client
 * certificate.
 */
export function createCallGuard(rules: GuardRules): CallGuard {
  return {
    admit: (call) => admit(rules, call),
    assertCovers: (path) => {
      if (rules.requirementOf(path) === undefined)
        throw new ServiceError(Code.INTERNAL, `no role is stated for ${path}: this is a bug`);
    },
    onChange: rules.onChange,
  };
}

function admit(rules: GuardRules, { path, authorization, peer }: GuardedCall): Caller | ServiceError {
  const requirement = rules.requirementOf(path);
  if (requirement === undefined) return new ServiceError(Code.PERMISSION_DENIED, `${path} is open to nobody`);
  const caller = identify(rules, authorization);
  if (caller === null) {
    const needed = requirement === "member" ? rules.clusterTokens() !== null : rules.tokens() !== null;
    if (!needed || requirement === "anyone") return unnamedCaller(peer);
    return unauthenticated(requirement, path, authorization);
  }
  if (requirement === "anyone" || caller.roles.has(requirement)) return caller;
  const held = [...caller.roles].join(", ");
  return new ServiceError(
    Code.PERMISSION_DENIED,
    `${path} needs the role ${requirement}; the token of '${caller.tenant}' has: ${held}`,
  );
}

/** Null when the call has no token, or an unknown one. */
function identify(rules: GuardRules, authorization: string | undefined): Caller | null {
  if (authorization === undefined || authorization.length > TOKEN_CHARS_MAX) return null;
  const token = scheme.exec(authorization)?.[1];
  if (token === undefined) return null;
  if (rules.clusterTokens()?.some((known) => sameToken(token, known))) return memberCaller;
  return rules.tokens()?.find(token) ?? null;
}

function unauthenticated(role: Role, path: string, authorization: string | undefined): ServiceError {
  const wanted =
    role === "member"
      ? "the cluster token (--cluster-token-file)"
      : `a token with the role ${role}, as metadata 'authorization: Bearer TOKEN'`;
  const came = authorization === undefined ? "none came" : "the one that came is not known";
  return new ServiceError(Code.UNAUTHENTICATED, `${path} needs ${wanted}; ${came}`);
}
