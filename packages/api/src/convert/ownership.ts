/** Who writes: a tenant by its token; undefined: a member, or a user whom no token names. */
export interface Writer {
  readonly tenant: string;
  /** Its role lets it change what other tenants made. */
  readonly shares: boolean;
}

/**
 * Why a writer may not change what belongs to `owner`, or null when it may: it is the owner, its role says so,
 * or what it changes is anybody's (an empty owner).
 */
export function ownershipFault(what: string, owner: string, writer: Writer | undefined): string | null {
  if (owner === "" || writer === undefined || writer.shares || writer.tenant === owner) return null;
  return `${what} belongs to tenant '${owner}'; the token of '${writer.tenant}' lacks the role share, which may change it`;
}
