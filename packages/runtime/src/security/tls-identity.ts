import { createPrivateKey, X509Certificate } from "node:crypto";
import { rootCertificates, type Server, type TlsOptions } from "node:tls";
import { type ChannelCredentials, experimental } from "@grpc/grpc-js";
import { Code, ServiceError } from "../errors";
import type { Logger } from "../process/logger";
import type { Clock } from "../time/clock";
import { type DialMaterial, verifyOptions } from "./dial-security";
import { WatchedFiles } from "./watched-files";

/** PEM files of one process; null where not given. */
export interface TlsPaths {
  /** Own certificate chain and its key, shown to callers and, on demand, to those this process calls. */
  readonly certificate: string | null;
  readonly key: string | null;
  /** Authorities of callers' certificates; given, a caller without one of theirs is cut off. */
  readonly clientCa: string | null;
  /** Authorities of the certificates of members that this process calls; null: Node's own roots. */
  readonly ca: string | null;
}

interface TlsMaterial {
  readonly own: { readonly certificate: Buffer; readonly privateKey: Buffer } | null;
  readonly clientCa: Buffer | null;
  readonly ca: Buffer;
}

/** PEM for a server with a TLS of its own. */
export interface ServerMaterial {
  readonly certificate: Buffer;
  readonly key: Buffer;
  /** Authorities of callers' certificates; null: callers need none. */
  readonly clientCa: Buffer | null;
}

type Provider = experimental.CertificateProvider;

/**
 * The certificates of one process, for every server and client in it, kept current with their files:
 * connections made after a change see the new ones, open ones stay.
 */
export class TlsIdentity {
  private readonly files: WatchedFiles<TlsMaterial>;
  /** Whether callers have to show a certificate. */
  readonly checksClients: boolean;
  /** Whether there is an own certificate, so that servers can be had. */
  readonly hasOwn: boolean;

  /** FAILED_PRECONDITION when a file cannot be read, or certificate and key do not belong together. */
  static async open(paths: TlsPaths, world: { clock: Clock; logger: Logger }): Promise<TlsIdentity> {
    const { certificate, key, clientCa, ca } = paths;
    const given = [certificate, key, clientCa, ca];
    const files = await WatchedFiles.open({
      ...world,
      what: "TLS certificates",
      paths: given.filter((path) => path !== null),
      read: (contents) => {
        const rest = [...contents];
        const [own, ownKey, clients, members] = given.map((path) =>
          path === null ? null : (rest.shift() ?? null),
        );
        return materialOf({ own, ownKey, clients, members });
      },
    });
    return new TlsIdentity(files);
  }

  private constructor(files: WatchedFiles<TlsMaterial>) {
    this.files = files;
    this.checksClients = files.value.clientCa !== null;
    this.hasOwn = files.value.own !== null;
  }

  /** For a grpc-js client; `serverName`: expected in the certificate instead of the host that is called. */
  channelCredentials(serverName?: string): ChannelCredentials {
    const provider = this.provider();
    return experimental.createCertificateProviderChannelCredentials(
      provider,
      this.hasOwn ? provider : null,
      verifyOptions(serverName),
    );
  }

  /** For any other server of Node: https, http2, tls. `follow` keeps it current. */
  serverOptions(): TlsOptions {
    return { ...contextOf(this.files.value), requestCert: this.checksClients, rejectUnauthorized: true };
  }

  /** Gives `server` every later certificate; the function returned ends it. */
  follow(server: Server): () => void {
    return this.files.onChange((material) => server.setSecureContext(contextOf(material)));
  }

  /**
   * For a server with a TLS of its own, as they are now; INTERNAL where there is no own certificate.
   * `onChange` tells of later ones.
   */
  serverMaterial(): ServerMaterial {
    const { own, clientCa } = this.files.value;
    if (own === null) throw new ServiceError(Code.INTERNAL, "a server without a certificate: this is a bug");
    return { certificate: own.certificate, key: own.privateKey, clientCa };
  }

  /** Calls `f` after each change; the function returned ends it. */
  onChange(f: () => void): () => void {
    return this.files.onChange(f);
  }

  /** For clients with their own TLS, as they are now. */
  clientOptions(): DialMaterial {
    const { own, ca } = this.files.value;
    return own === null ? { ca } : { ca, cert: own.certificate, key: own.privateKey };
  }

  close(): void {
    this.files.close();
  }

  /** grpc-js expects to hear of the present certificates after it has registered, not while. */
  private provider(): Provider {
    const stops = new Map<unknown, () => void>();
    const add = <U>(listener: (update: U) => void, pick: (material: TlsMaterial) => U): void => {
      queueMicrotask(() => listener(pick(this.files.value)));
      stops.set(
        listener,
        this.files.onChange((material) => listener(pick(material))),
      );
    };
    const remove = (listener: unknown): void => {
      stops.get(listener)?.();
      stops.delete(listener);
    };
    return {
      addCaCertificateListener: (listener) => add(listener, ({ ca }) => ({ caCertificate: ca })),
      removeCaCertificateListener: remove,
      addIdentityCertificateListener: (listener) => add(listener, ({ own }) => own),
      removeIdentityCertificateListener: remove,
    };
  }
}

function contextOf({ own, clientCa }: TlsMaterial): TlsOptions {
  return {
    ...(own === null ? {} : { cert: own.certificate, key: own.privateKey }),
    ...(clientCa === null ? {} : { ca: clientCa }),
  };
}

type Pem = Buffer | null | undefined;

function materialOf(pem: { own: Pem; ownKey: Pem; clients: Pem; members: Pem }): TlsMaterial {
  const { own, ownKey, clients, members } = pem;
  for (const certificates of [own, clients, members]) if (certificates) new X509Certificate(certificates);
  if (own && ownKey && !new X509Certificate(own).checkPrivateKey(createPrivateKey(ownKey))) {
    throw new Error("the key does not belong to the certificate");
  }
  return {
    own: own && ownKey ? { certificate: own, privateKey: ownKey } : null,
    clientCa: clients ?? null,
    ca: members ?? Buffer.from(rootCertificates.join("\n")),
  };
}
