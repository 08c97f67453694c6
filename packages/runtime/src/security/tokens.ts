import { createHash, timingSafeEqual } from "node:crypto";
import { type Caller, type CallerQuota, noQuota, type Role, roles } from "./caller";

/**
 * Characters of the longest `authorization` that is looked at; longer ones are unknown without being hashed.
 */
export const TOKEN_CHARS_MAX = 4_096;
const tenantPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const digestPattern = /^[0-9a-f]{64}$/;
const quotaNames = ["queriesPerSecond", "burst", "inFlightMax", "queuedBytesMax"] as const;
const knownNames: readonly string[] = ["sha256", "tenant", "roles", ...quotaNames];

interface KnownToken {
  readonly digest: Buffer;
  readonly caller: Caller;
}

/** Returns the SHA-256 of a token as the tokens file holds it, in lower-case hexadecimal. */
export function tokenDigest(token: string): string {
  return sha256(token).toString("hex");
}

/**
 * The tokens of one file. Only digests are kept. A presented token is hashed first, so that neither the
 * look-up nor the comparison, which takes the same time whatever differs, tells anything about a token.
 */
export class TokenTable {
  private readonly callers: ReadonlyMap<string, KnownToken>;

  private constructor(callers: ReadonlyMap<string, KnownToken>) {
    this.callers = callers;
  }

  /**
   * Reads `{"tokens": [{"sha256": ..., "tenant": ..., "roles": [...]}]}` with the quotas of `CallerQuota` by
   * name. Throws what is wrong, with the place.
   */
  static parse(text: string): TokenTable {
    const { tokens } = parsed(text);
    if (!Array.isArray(tokens)) throw new Error("there is no list called tokens");
    const callers = new Map<string, KnownToken>();
    for (const [i, entry] of tokens.entries()) {
      const at = `tokens[${i}]`;
      const { digest, caller } = entryOf(at, entry as Record<string, unknown>);
      if (callers.has(digest)) throw new Error(`${at} repeats the digest of another`);
      callers.set(digest, { digest: Buffer.from(digest, "hex"), caller });
    }
    return new TokenTable(callers);
  }

  /** Returns whose token that is, or null. */
  find(token: string): Caller | null {
    const digest = sha256(token);
    const found = this.callers.get(digest.toString("hex"));
    return found !== undefined && timingSafeEqual(found.digest, digest) ? found.caller : null;
  }
}

/** Returns whether two tokens are the same, in a time that does not depend on where they differ. */
export function sameToken(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}

/** The parser's message is left out: it quotes the file, which may hold secrets. */
function parsed(text: string): { tokens?: unknown } {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    throw new Error("it is no JSON");
  }
}

function sha256(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function entryOf(at: string, entry: Record<string, unknown>): { digest: string; caller: Caller } {
  if (typeof entry !== "object" || entry === null) throw new Error(`${at} is no object`);
  const unknown = Object.keys(entry).find((name) => !knownNames.includes(name));
  if (unknown !== undefined) throw new Error(`${at} has '${unknown}'; known: ${knownNames.join(", ")}`);
  const { sha256: digest, tenant, roles: given } = entry;
  if (typeof digest !== "string" || !digestPattern.test(digest))
    throw new Error(`${at}.sha256 is not 64 lower-case hexadecimal digits`);
  if (typeof tenant !== "string" || !tenantPattern.test(tenant))
    throw new Error(`${at}.tenant is '${String(tenant)}'; allowed: 1 to 64 letters, digits and . _ -`);
  return { digest, caller: { tenant, isNamed: true, roles: rolesOf(at, given), quota: quotaOf(at, entry) } };
}

function rolesOf(at: string, given: unknown): ReadonlySet<Role> {
  if (!Array.isArray(given) || given.length === 0) throw new Error(`${at}.roles is no list of roles`);
  const allowed = roles.filter((role) => role !== "member");
  const wrong = given.find((role) => !allowed.includes(role));
  if (wrong !== undefined)
    throw new Error(`${at}.roles has '${String(wrong)}'; allowed: ${allowed.join(", ")}`);
  return new Set(given as Role[]);
}

function quotaOf(at: string, entry: Record<string, unknown>): CallerQuota {
  const quota: { -readonly [K in keyof CallerQuota]: CallerQuota[K] } = { ...noQuota };
  for (const name of quotaNames) {
    const value = entry[name];
    if (value === undefined) continue;
    if (typeof value !== "number" || !Number.isFinite(value) || value <= 0)
      throw new Error(`${at}.${name} is ${String(value)}; allowed: a number above 0`);
    quota[name] = value;
  }
  return quota;
}
