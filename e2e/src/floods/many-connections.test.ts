import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { addressOf, Code, SERVER_LIMITS } from "@infaas/runtime";
import { eventually } from "../cluster";
import { plainCall } from "../fuzz/call-shape";
import { preface, settingsFrame } from "../fuzz/http2-frames";
import { prefixed } from "../fuzz/message-prefix";
import { RawConnection } from "../fuzz/raw-connection";
import { LoneFrontend } from "../lone-frontend";

jest.setTimeout(120_000);

const { connectionsMax } = SERVER_LIMITS;
/** Descriptors that a process has beside those of connections, and for new ones meanwhile. */
const SPARE_DESCRIPTORS = 500;
const descriptors = Number(execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }));
const live = plainCall("/inference.GRPCInferenceService/ServerLive", prefixed(Buffer.alloc(0)));

/** Opens connections, every other one with a greeting, a few at a time. */
async function openMany(address: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(64, count - sockets.length) }, () =>
      connect(addressOf(address)),
    );
    for (const [index, socket] of some.entries()) {
      socket.on("error", () => undefined);
      if (index % 2 === 0) socket.write(Buffer.concat([preface, settingsFrame({})]));
    }
    await Promise.all(some.map((socket) => once(socket, "connect")));
    sockets.push(...some);
  }
  return sockets;
}

describe("a frontend whose connections are as many as may be", () => {
  let frontend: LoneFrontend | null = null;
  let idle: Socket[] = [];
  afterEach(async () => {
    for (const socket of idle) socket.destroy();
    await frontend?.stop();
  });

  /** Who has called before calls on, and whoever comes is answered, many times over. */
  const serves = async ({ address }: LoneFrontend, known: RawConnection) => {
    for (let turn = 0; turn < 20; turn++) {
      const other = new RawConnection(address);
      expect(await other.call(live)).toMatchObject({ code: Code.OK });
      other.close();
    }
    expect(await known.call(live)).toMatchObject({ code: Code.OK });
  };
  const connections = async () =>
    Number(/infaas_frontend_connections\{face="grpc"\} (\d+)/.exec((await frontend?.metrics()) ?? "")?.[1]);

  const enough = descriptors >= connectionsMax + SPARE_DESCRIPTORS;
  const title = "answers a new caller beside 10,000 that say nothing";
  (enough ? it : it.skip)(enough ? title : `${title} (SKIPPED: ${descriptors} descriptors)`, async () => {
    frontend = await LoneFrontend.start({ INFAAS_INGRESS: "native" });
    const known = new RawConnection(frontend.address);
    expect(await known.call(live)).toMatchObject({ code: Code.OK });
    idle = await openMany(frontend.address, connectionsMax);
    await serves(frontend, known);
    expect(await connections()).toBeGreaterThan(connectionsMax - 200);
    known.close();
  });

  it("answers a new caller without a descriptor left, and takes as many again once there are some", async () => {
    frontend = await LoneFrontend.start({ INFAAS_INGRESS: "native" }, { descriptors: 128 });
    const known = new RawConnection(frontend.address);
    expect(await known.call(live)).toMatchObject({ code: Code.OK });
    idle = await openMany(frontend.address, 256);
    expect(await known.call(live)).toMatchObject({ code: Code.OK });
    for (const socket of idle.splice(0)) socket.destroy();
    const { address } = frontend;
    await eventually("a new caller is answered", 20_000, async () => {
      const other = new RawConnection(address);
      const { code } = await other.call(live);
      other.close();
      return code === Code.OK;
    });
    await serves(frontend, known);
    known.close();
  });
});
