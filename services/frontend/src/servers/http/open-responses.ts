import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Answers under way, by connection. Node tells only the one whose turn it is to be sent that its connection is gone; those
 * that wait behind it (pipelining) would go on being computed, and hold what they have to send.
 */
export class OpenResponses {
  private readonly bySocket = new WeakMap<Socket, Set<ServerResponse>>();

  /** From now on `response` emits `close` when its connection goes, whether or not its turn has come. */
  add(socket: Socket, response: ServerResponse): void {
    const open = this.bySocket.get(socket) ?? this.follow(socket);
    open.add(response);
    response.once("close", () => open.delete(response));
  }

  private follow(socket: Socket): Set<ServerResponse> {
    const open = new Set<ServerResponse>();
    this.bySocket.set(socket, open);
    socket.once("close", () => {
      for (const response of open) if (response.socket === null) abandon(response);
    });
    return open;
  }
}

function abandon(response: ServerResponse): void {
  response.destroy();
  response.emit("close");
}
