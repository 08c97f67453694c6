import type { Server } from "node:http";
import type { Socket } from "node:net";

/** Memory of one open connection beside what waits on it, as measured: socket, parser, timers. */
const CONNECTION_BYTES = 8 * 1024;

/** Connections of an HTTP server and what they take, bodies of requests left out. */
export class OpenConnections {
  /** Bytes that a connection had brought when the headers of its latest request were complete. */
  private readonly headed = new Map<Socket, number>();

  constructor(
    server: Server,
    private readonly headerMaxBytes: number,
  ) {
    server.on("connection", (socket: Socket) => {
      this.headed.set(socket, 0);
      socket.once("close", () => this.headed.delete(socket));
    });
  }

  get count(): number {
    return this.headed.size;
  }

  /** The headers of a request have come whole. */
  headersRead(socket: Socket): void {
    if (this.headed.has(socket)) this.headed.set(socket, socket.bytesRead);
  }

  /** Its sockets, headers that have not come whole, and answers that wait to be read. O(connections). */
  get bytes(): number {
    let bytes = 0;
    for (const [socket, headed] of this.headed) {
      const heading = Math.min(socket.bytesRead - headed, this.headerMaxBytes);
      bytes += CONNECTION_BYTES + heading + socket.writableLength;
    }
    return bytes;
  }
}
