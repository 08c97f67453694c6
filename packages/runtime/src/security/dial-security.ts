import { checkServerIdentity, rootCertificates } from "node:tls";
import { type ChannelCredentials, credentials, type VerifyOptions } from "@grpc/grpc-js";

/** TLS and credentials with which this process calls others. */
export interface DialSecurity {
  readonly credentials: ChannelCredentials;
  /** Sent as metadata `authorization` with every call; null: nothing. */
  authorization(): string | null;
  /** PEM for clients with a TLS of their own, as it is now; null: calls go in the clear. */
  material(): DialMaterial | null;
}

/** Authorities that sign the servers' certificates; own certificate and key, for servers that ask for one. */
export interface DialMaterial {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** Calls in the clear and without a token: for the loopback interface. */
export const dialPlain: DialSecurity = {
  credentials: credentials.createInsecure(),
  authorization: () => null,
  material: () => null,
};

export interface DialOptions {
  /**
   * PEM of the authorities that sign the server's certificate; with it, or with `certificate`, TLS is used.
   */
  readonly ca?: Buffer;
  readonly certificate?: Buffer;
  readonly key?: Buffer;
  /** Uses TLS with Node's own root certificates where neither `ca` nor `certificate` is given. */
  readonly tls?: boolean;
  /** Name in the server's certificate, where it is not the host that is called. */
  readonly serverName?: string;
  readonly token?: string;
}

/**
 * Returns how to call with these, as they are now: a program that runs for long opens its client again when
 * they change.
 */
export function dialWith(o: DialOptions): DialSecurity {
  const encrypted = o.tls === true || o.ca !== undefined || o.certificate !== undefined;
  const { token } = o;
  return {
    credentials: encrypted
      ? credentials.createSsl(o.ca ?? null, o.key ?? null, o.certificate ?? null, verifyOptions(o.serverName))
      : credentials.createInsecure(),
    authorization: () => (token === undefined ? null : `Bearer ${token}`),
    material: () => (encrypted ? materialOf(o) : null),
  };
}

function materialOf({ ca, certificate, key }: DialOptions): DialMaterial {
  const own = certificate === undefined || key === undefined ? {} : { cert: certificate, key };
  return { ca: ca ?? Buffer.from(rootCertificates.join("\n")), ...own };
}

/**
 * Returns what makes a client expect `name` in the server's certificate instead of the host that it calls.
 */
export function verifyOptions(name: string | undefined): VerifyOptions {
  return name === undefined
    ? {}
    : { checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate) };
}
