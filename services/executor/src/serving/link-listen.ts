import { isLoopback, parseAddress, type SecurityConfig, withPort } from "@infaas/runtime";

/** Options that say where native links listen. */
export type LinkListenConfig = Pick<SecurityConfig, "tlsCert" | "insecure"> & {
  readonly listen: string;
  readonly linkListen: string | null;
};

/** Value of the option that turns native links off. */
const NO_LINKS = "none";

/**
 * Returns the address of native links (host:port, port 0 = any), or null when they are off. They have no TLS,
 * so they are off by default where members speak it.
 */
export function linkListenAddress(config: LinkListenConfig): string | null {
  const { listen, linkListen } = config;
  if (linkListen === NO_LINKS || (linkListen === null && config.tlsCert !== null)) return null;
  return linkListen ?? withPort(listen, 0);
}

/** Returns the faults of `--link-listen`, one sentence each. */
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
