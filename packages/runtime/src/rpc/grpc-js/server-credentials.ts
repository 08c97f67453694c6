import { createSecureContext, type SecureContextOptions } from "node:tls";
import { ServerCredentials } from "@grpc/grpc-js";
import type { ServerMaterial } from "../../security/tls-identity";

/** Certificates of a grpc-js server that may be replaced: connections made afterwards see the new ones. */
export class ReplaceableCredentials extends ServerCredentials {
  constructor(first: ServerMaterial) {
    super({ requestCert: first.clientCa !== null, rejectUnauthorized: true }, contextOf(first));
  }

  replace(next: ServerMaterial): void {
    this.updateSecureContextOptions(contextOf(next));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

/** Returns why certificates cannot be used; null when they can. */
export function faultOf(material: ServerMaterial): string | null {
  try {
    createSecureContext(contextOf(material));
    return null;
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
}

function contextOf({ certificate, key, clientCa }: ServerMaterial): SecureContextOptions {
  return { cert: certificate, key, ...(clientCa === null ? {} : { ca: clientCa }) };
}
