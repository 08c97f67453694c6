/** Addresses as options write them: `host:port`, an IPv6 host in brackets (`[::1]:8000`). */

import { Code, ServiceError } from "../errors";

/** A host and a port; the host is without brackets. */
export interface Address {
  readonly host: string;
  /** 0 to 65,535; 0 lets the system choose where it is listened on. */
  readonly port: number;
}

/**
 * Parses `host:port`; null where it is not of that form. An IPv6 host stands in brackets, which are taken
 * off.
 */
export function parseAddress(text: string): Address | null {
  const [, bracketed, plain, digits = ""] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port > 65_535 ? null : { host, port };
}

/**
 * Returns the host and the port of `host:port`. @throws ServiceError INVALID_ARGUMENT where it is not of that
 * form.
 */
export function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (address !== null) return address;
  const allowed = "host:port with a port from 0 to 65535, an IPv6 host in brackets";
  throw new ServiceError(Code.INVALID_ARGUMENT, `address is '${text}', allowed is ${allowed}`);
}

/**
 * Returns the host of a peer as sockets name it: `host:port`, an IPv6 host with or without brackets; else the
 * whole.
 */
export function hostOfPeer(peer: string): string {
  const colon = peer.lastIndexOf(":");
  return colon > 0 ? peer.slice(0, colon).replace(/^\[(.*)\]$/, "$1") : peer;
}

/** `host:port` again, with brackets around an IPv6 host. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The same host with another port. `address` is `host:port`. */
export function withPort(address: string, port: number): string {
  return `${address.slice(0, address.lastIndexOf(":"))}:${port}`;
}
