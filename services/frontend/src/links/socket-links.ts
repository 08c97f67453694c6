import type { Caller, Clock, DialSecurity, Logger, Random } from "@infaas/runtime";
import type { Wire } from "@infaas/wire";
import { GrpcLink } from "./grpc-link";
import type { LinkFactory } from "./links";
import { NativeLink } from "./native-link";
import { processEnd } from "./process-end";

export interface SocketLinkPorts {
  /** Name of this frontend, for the executors' logs. */
  readonly frontend: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly dial: DialSecurity;
  /** Opens native links where executors have them; null = links inside gRPC only. */
  readonly wire: Wire<Caller> | null;
}

/** Returns what opens links over sockets: native ones where both ends have them, else inside gRPC. */
export function socketLinks({ frontend, wire, ...world }: SocketLinkPorts): LinkFactory {
  return (member, { inFlightMax, events }) => {
    const o = { ...world, inFlightMax, events, whyLost: () => processEnd(member, world.dial) };
    return wire !== null && member.linkAddress !== ""
      ? new NativeLink({ ...o, wire, address: member.linkAddress })
      : new GrpcLink({ ...o, address: member.address, frontend });
  };
}
