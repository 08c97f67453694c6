import { isLoopback, type SecurityConfig } from "@infaas/runtime";

/** What says where native links listen. */
export type LinkListenConfig = Pick<SecurityConfig, "tlsCert" | "clusterTokenFile" | "insecure"> & {
  readonly listen: string;
  readonly linkListen: string | null;
};

/** Value of the option that turns native links off. */
const none = "none";

/**
 * Returns where native links listen (host:port, port 0 = any); null = nowhere. They know neither TLS nor tokens, so by
 * default there are none where members are protected.
 */
export function linkListenAddress(config: LinkListenConfig): string | null {
  const { listen, linkListen } = config;
  if (linkListen === none || (linkListen === null && isProtected(config))) return null;
  return linkListen ?? `${listen.slice(0, listen.lastIndexOf(":"))}:0`;
}

/** Returns what is wrong with the option. */
export function linkListenFaults(config: LinkListenConfig): readonly string[] {
  const { linkListen, insecure } = config;
  if (linkListen === null || linkListen === none) return [];
  if (!/^.+:\d{1,5}$/.test(linkListen))
    return [`--link-listen is ${linkListen}, allowed are host:port and none`];
  if (isProtected(config)) return [`--link-listen ${linkListen}: native links know neither TLS nor tokens`];
  if (isLoopback(linkListen) || insecure) return [];
  return [
    `native links on ${linkListen}, beyond the loopback interface, are open to anybody: needs --insecure`,
  ];
}

function isProtected({ tlsCert, clusterTokenFile }: LinkListenConfig): boolean {
  return tlsCert !== null || clusterTokenFile !== null;
}
