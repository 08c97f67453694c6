import type { Server } from "node:http";
import type { Socket } from "node:net";

/** Requests and connections that never became a request, by reason. */
export interface HttpRefusals {
  /** More connections than there may be. */
  connections: number;
  /** Heads or bodies that did not come in time. */
  time: number;
  /** Heads larger than they may be, and what is no HTTP at all. */
  malformed: number;
}

/**
 * Answers what Node's parser gives up on, as Node itself would, and counts it. `answering`: sockets that an answer is being
 * written to, where one more would end up in its middle.
 */
export function countRefusals(server: Server, answering: WeakSet<Socket>): HttpRefusals {
  const refused: HttpRefusals = { connections: 0, time: 0, malformed: 0 };
  server.on("drop", () => {
    refused.connections += 1;
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") refused.time += 1;
    else if (error.code !== "ECONNRESET") refused.malformed += 1;
    if (socket.writable && !answering.has(socket))
      socket.write(`HTTP/1.1 ${statusOf(error)}\r\nConnection: close\r\n\r\n`);
    socket.destroy();
  });
  return refused;
}

function statusOf({ code }: NodeJS.ErrnoException): string {
  if (code === "HPE_HEADER_OVERFLOW") return "431 Request Header Fields Too Large";
  if (code === "HPE_CHUNK_EXTENSIONS_OVERFLOW") return "413 Payload Too Large";
  return code === "ERR_HTTP_REQUEST_TIMEOUT" ? "408 Request Timeout" : "400 Bad Request";
}
