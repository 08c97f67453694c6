import { isLoopback, parseAddress, type SecurityConfig, withPort } from "@infaas/runtime";

/** What says where native links listen. */
export type LinkListenConfig = Pick<SecurityConfig, "tlsCert" | "insecure"> & {
  readonly listen: string;
  readonly linkListen: string | null;
};

/** Value of the option that turns native links off. */
const NO_LINKS = "none";

/**
 * Returns where native links listen (host:port, port 0 = any); null = nowhere. They know no TLS, so by default there are
 * none where members speak it.
 */
export function linkListenAddress(config: LinkListenConfig): string | null {
  const { listen, linkListen } = config;
  if (linkListen === NO_LINKS || (linkListen === null && config.tlsCert !== null)) return null;
  return linkListen ?? withPort(listen, 0);
}

/** Returns what is wrong with the option. */
export function linkListenFaults(config: LinkListenConfig): readonly string[] {
  const { linkListen, insecure } = config;
  if (linkListen === null || linkListen === NO_LINKS) return [];
  if (parseAddress(linkListen) === null)
    return [`--link-listen is ${linkListen}, allowed are host:port and none`];
  if (config.tlsCert !== null) return [`--link-listen ${linkListen}: native links know no TLS`];
  if (isLoopback(linkListen) || insecure) return [];
  return [
    `native links on ${linkListen}, beyond the loopback interface, are open to whoever reads along: needs --insecure`,
  ];
}
