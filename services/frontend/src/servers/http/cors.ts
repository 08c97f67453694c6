import type { IncomingMessage } from "node:http";
import { Code, ServiceError } from "@infaas/runtime";

/** How long a browser may remember what a preflight said. */
const PREFLIGHT_KEPT_S = 600;
const EXPOSED = "inference-header-content-length, retry-after, traceparent";

/** Origins of web pages that may use the HTTP server. */
export class Cors {
  private readonly origins: ReadonlySet<string>;
  private readonly hosts: ReadonlySet<string>;

  /**
   * `allowed` are origins as browsers send them (`https://console.example`), or `*`. `anyoneMayCall`: no
   * caller has to say who it is.
   */
  constructor(
    allowed: readonly string[],
    private readonly anyoneMayCall: boolean,
  ) {
    this.origins = new Set(allowed);
    this.hosts = new Set(allowed.map((origin) => origin.replace(/^[a-z]+:\/\//i, "").toLowerCase()));
  }

  /**
   * PERMISSION_DENIED for a call over the loopback interface to a host of another name, where anyone may
   * call: a web page whose name was made to resolve to this address (DNS rebinding) is its own origin to the
   * browser.
   */
  checkHost({ headers: { host }, socket: { localAddress = "" } }: IncomingMessage): void {
    if (!this.anyoneMayCall || host === undefined || !isLoopbackAddress(localAddress)) return;
    if (isLoopbackName(host) || this.origins.has("*") || this.hosts.has(host.toLowerCase())) return;
    const sentence = `host is '${host}'; allowed over the loopback interface are localhost, its addresses and the hosts of --http-cors-origins: ${[...this.hosts].join(", ") || "none"}`;
    throw new ServiceError(Code.PERMISSION_DENIED, sentence);
  }

  /**
   * Headers that let the page of this request read its answer; none without an Origin, as with all that is no
   * browser. PERMISSION_DENIED for a page of another origin: a browser would hide the answer from it, but
   * send what it asks.
   */
  headersFor(request: IncomingMessage): Readonly<Record<string, string>> {
    const { origin, host } = request.headers;
    if (origin === undefined || isOwn(origin, host)) return {};
    if (!this.origins.has(origin) && !this.origins.has("*")) {
      const sentence = `web pages of '${origin}' may not use this; --http-cors-origins allows: ${[...this.origins].join(", ") || "none"}`;
      throw new ServiceError(Code.PERMISSION_DENIED, sentence);
    }
    return {
      "access-control-allow-origin": origin,
      "access-control-expose-headers": EXPOSED,
      vary: "origin",
    };
  }

  /** What a preflight is answered besides `headersFor`; null when this request is none. */
  preflight(request: IncomingMessage): Readonly<Record<string, string>> | null {
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined)
      return null;
    return {
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": request.headers["access-control-request-headers"]?.toString() ?? "",
      "access-control-max-age": String(PREFLIGHT_KEPT_S),
    };
  }
}

function isLoopbackAddress(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}

/** `host` as the header has it, with or without a port. */
function isLoopbackName(host: string): boolean {
  const name = host.replace(/:\d*$/, "").toLowerCase();
  return (
    name === "localhost" ||
    name.endsWith(".localhost") ||
    name === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(name)
  );
}

/** A page served from this very address. */
function isOwn(origin: string, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}
