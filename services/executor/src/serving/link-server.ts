import type { RawStream } from "@infaas/runtime";
import { Link, type LinkPorts } from "./link";

/** All links of this executor that are inside gRPC. */
export class LinkServer {
  private readonly links = new Set<Link>();
  private draining = false;

  constructor(private readonly ports: LinkPorts) {}

  /** Serves one new stream. */
  accept(stream: RawStream): void {
    const link = new Link(stream, this.ports, (ended) => this.links.delete(ended));
    this.links.add(link);
    if (this.draining) link.announceDraining();
  }

  /** Queries in flight over all links. */
  get inFlight(): number {
    let sum = 0;
    for (const link of this.links) sum += link.inFlight;
    return sum;
  }

  /** Asks every frontend to send no more, also those that connect later. */
  announceDraining(): void {
    this.draining = true;
    for (const link of this.links) link.announceDraining();
  }

  /** Ends every link from this side. */
  close(): void {
    for (const link of this.links) link.close();
  }
}
