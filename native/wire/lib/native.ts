import { existsSync } from "node:fs";
import { join } from "node:path";

/** A poller with its server, owned by the add-on. */
export type WireHandle = { readonly __wire: unique symbol };

/**
 * Limits of a server by the names that the add-on reads. `ServerLimits` of @infaas/runtime, which has all of
 * them, says what each means; what is used is `SERVER_LIMITS` there.
 */
export type WireLimits = Readonly<
  Record<
    | "messageMaxBytes"
    | "receiveWindowBytes"
    | "maxFrameBytes"
    | "maxConcurrentStreams"
    | "headerMaxBytes"
    | "connectionsMax"
    | "heldMaxBytes"
    | "handshakeMaxMs"
    | "requestMaxMs"
    | "idleMaxMs"
    | "keepaliveMs"
    | "keepaliveTimeoutMs"
    | "unreadMaxMs",
    number
  >
>;

/** What `secure` takes: PEM, ciphers and the oldest version as Node's options have them. */
export interface TlsIdentity {
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | null;
  readonly ciphers: string;
  readonly tls13Only: boolean;
}

/**
 * The add-on's exports, in the order of src/node_api/addon.cc. Calls made per request never throw; a stale
 * `call` does nothing.
 */
export interface Native {
  /** `tls`: whether it can speak TLS as well. */
  probe(tls: boolean): { readonly ok: boolean; readonly detail: string };
  open(
    limits: WireLimits,
    events: Float64Array,
    scratch: Uint8Array,
    onEvents: (count: number) => void,
  ): WireHandle;
  method(wire: WireHandle, path: string, kind: number): number;
  /** Undefined, or the reason why they cannot be used. */
  secure(wire: WireHandle, identity: TlsIdentity): string | undefined;
  /** `tokens`: credentials are told apart by `authorization`, else by connection alone. */
  guard(wire: WireHandle, tokens: boolean): void;
  askAnew(wire: WireHandle): void;
  /** The port, or the reason why there is none. */
  listen(wire: WireHandle, ip: string, port: number): number | string;
  shutDown(wire: WireHandle, last: boolean): void;
  connections(wire: WireHandle): number;
  heldBytes(wire: WireHandle): number;
  /** What limits turned away since the start. */
  refused(wire: WireHandle): { readonly connections: number; readonly bytes: number; readonly time: number };
  close(wire: WireHandle): void;
  /** Who makes a call that is asked about; undefined when the call is gone. */
  asked(wire: WireHandle, call: number): { peer: string; authorization: string | undefined } | undefined;
  /** `tenant`: whom what the call holds is counted for. */
  admit(wire: WireHandle, call: number, tenant: string): void;
  refuse(wire: WireHandle, call: number, code: number, message: string, trailers: string): void;
  /** Names and values by turns. */
  metadata(wire: WireHandle, call: number): string[];
  peer(wire: WireHandle, call: number): string;
  /** The message itself where it is large, else a copy. */
  take(wire: WireHandle, call: number): Buffer | undefined;
  /** As `take`, and the call keeps it too. */
  copy(wire: WireHandle, call: number): Buffer | undefined;
  write(wire: WireHandle, call: number, bytes: Uint8Array): boolean;
  /** `trailers`: names and values by turns, each with a NUL behind it. */
  finish(wire: WireHandle, call: number, code: number, message: string, trailers: string): void;
  answer(wire: WireHandle, call: number, bytes: Uint8Array, trailers: string): void;
  release(wire: WireHandle, call: number): void;
  head(wire: WireHandle, number: number): Buffer | undefined;
  /** What came with the event at this place among those being handled: itself where it is large, else a copy. */
  eventBytes(wire: WireHandle, place: number): Buffer | undefined;
  answerInfer(wire: WireHandle, call: number, head: Uint8Array, place: number, trailers: string): void;
  answerParts(wire: WireHandle, call: number, head: Uint8Array, body: Uint8Array, trailers: string): void;
  /** The number that `linkSend` knows the name by. */
  variant(wire: WireHandle, name: string): number;
  /** The link's number, or the reason why there is none. */
  linkOpen(wire: WireHandle, ip: string, port: number, credential: string): number | string;
  linkClose(wire: WireHandle, link: number): void;
  /**
   * `body`: the handle of a ModelInfer call, or bytes, or parts of them in order. Seven arguments, because this is called for every
   * query: see rule 3 of docs/native-boundary.md.
   */
  linkSend(
    wire: WireHandle,
    link: number,
    id: number,
    timeoutMs: number,
    lane: number,
    variant: number,
    body: number | Uint8Array | readonly Uint8Array[],
  ): boolean;
  linkCancel(wire: WireHandle, link: number, id: number): void;
}

// lib/ and dist/ both lie beside build/, or, in an installed package, beside prebuilds/.
const places = [join("build", "Release"), join("prebuilds", `${process.platform}-${process.arch}`)];
const paths = places.map((place) => join(__dirname, "..", place, "wire.node"));
let loaded: Native | undefined;

/** The add-on, loaded on first use; throws an Error that says how to build it. */
export function native(): Native {
  if (loaded === undefined) {
    const path = paths.find((each) => existsSync(each));
    if (path === undefined) {
      throw new Error(
        `the native wire is not built: run 'npm run build:native -w @infaas/wire' in a checkout (none of ${paths.join(", ")} is there)`,
      );
    }
    loaded = require(path) as Native;
  }
  return loaded;
}

/** Whether the native server can run in this process, with TLS if asked for, and if not, why. */
export function probeWire({ tls = false } = {}): { readonly ok: boolean; readonly detail: string } {
  try {
    return native().probe(tls);
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
