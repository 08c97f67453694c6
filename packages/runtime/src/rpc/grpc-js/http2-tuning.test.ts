import { connect, type Settings } from "node:http2";
import { Server } from "@grpc/grpc-js";
import { createLogger } from "../../process/logger";
import { createRpcServer } from "../server/server";
import { SERVER_LIMITS } from "../server-limits";
import { GrpcJsTransport } from "./grpc-js-transport";
import { tuneHttp2 } from "./http2-tuning";

describe("tuneHttp2", () => {
  it("makes the server advertise the window, frame size and stream bound it was given", async () => {
    const server = createRpcServer({
      logger: createLogger({ service: "test" }),
      transport: new GrpcJsTransport({
        receiveWindowBytes: 3 << 20,
        maxFrameBytes: 512 << 10,
        maxConcurrentStreams: 77,
        headerMaxBytes: 8 << 10,
      }),
    });
    const port = await server.listen("127.0.0.1:0");
    const session = connect(`http://127.0.0.1:${port}`);
    const settings = await new Promise<Settings>((resolve) => session.once("remoteSettings", resolve));
    expect(settings.initialWindowSize).toBe(3 << 20);
    expect(settings.maxFrameSize).toBe(512 << 10);
    expect(settings.maxConcurrentStreams).toBe(77);
    expect(settings.maxHeaderListSize).toBe(8 << 10);
    await new Promise((resolve) => session.ping(resolve));
    expect(session.state.remoteWindowSize).toBe(3 << 20);
    session.destroy();
    await server.stop(100);
  });

  it("says so when grpc-js has another inside", () => {
    const server = new Server();
    Object.defineProperty(server, "commonServerOptions", { value: undefined });
    expect(() => tuneHttp2(server, SERVER_LIMITS)).toThrow("grpc-js 1.14.7");
    server.forceShutdown();
  });
});
