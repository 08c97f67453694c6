import { connect, type Socket } from "node:net";
import { addressOf, type Random } from "@infaas/runtime";
import { frame, preface } from "./http2-frames";
import { below, pick, randomBytes } from "./wire-mutator";

const frameTypes = 12;
const hpackPost = Buffer.from([0x83, 0x86]);

const settings = frame(4, 0, 0, Buffer.alloc(0));
const many = (count: number, make: (i: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

/** Attacks on a connection by bytes that no gRPC client sends. */
const attacks: Readonly<Record<string, (random: Random) => Buffer>> = {
  "no HTTP/2 at all": (random) => randomBytes(random, 1 + below(random, 400)),
  "HTTP/1 request": () => Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  "half a preface": (random) => preface.subarray(0, below(random, preface.length)),
  "random frames": (random) =>
    Buffer.concat([
      preface,
      settings,
      many(20, () =>
        frame(
          below(random, frameTypes),
          below(random, 256),
          below(random, 9),
          randomBytes(random, below(random, 99)),
        ),
      ),
    ]),
  "a frame that lies about its length": (random) =>
    Buffer.concat([preface, settings, frame(0, 1, 1, randomBytes(random, 20), 0xff_ffff)]),
  "broken header compression": (random) =>
    Buffer.concat([preface, settings, frame(1, 4, 1, Buffer.concat([hpackPost, randomBytes(random, 60)]))]),
  "headers without end": () =>
    Buffer.concat([
      preface,
      settings,
      frame(1, 0, 1, hpackPost),
      many(500, () => frame(9, 0, 1, Buffer.alloc(256, 0x40))),
    ]),
  "opened and reset at once": () =>
    Buffer.concat([
      preface,
      settings,
      many(500, (i) =>
        Buffer.concat([frame(1, 4, 2 * i + 1, hpackPost), frame(3, 0, 2 * i + 1, Buffer.alloc(4))]),
      ),
    ]),
  "pings and settings": () =>
    Buffer.concat([
      preface,
      settings,
      many(500, (i) => (i % 2 === 0 ? frame(6, 0, 0, Buffer.alloc(8)) : settings)),
    ]),
  "windows that overflow": () =>
    Buffer.concat([preface, settings, many(4, () => frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff])))]),
  "a stream with an even number": () => Buffer.concat([preface, settings, frame(1, 5, 2, hpackPost)]),
};

/** How long an attacker waits for the server to answer or close, then closes itself. */
const patienceMs = 200;

/** Makes one attack on a connection of its own; resolves when the connection is closed. */
export async function attackConnection(address: string, random: Random): Promise<null> {
  await exchangeGarbage(address, attacks[pick(Object.keys(attacks), random)]!(random), random);
  return null;
}

/** Sends bytes in two pieces on a connection of their own; resolves with what came back once it is gone. */
export function exchangeGarbage(address: string, bytes: Buffer, random: Random): Promise<Buffer> {
  const cut = below(random, bytes.length + 1);
  const { host, port } = addressOf(address);
  const received: Buffer[] = [];
  return new Promise((resolve) => {
    const socket: Socket = connect(port, host);
    const timer = setTimeout(() => socket.destroy(), patienceMs);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => received.push(chunk));
    socket.on("connect", () => {
      socket.write(bytes.subarray(0, cut));
      socket.write(bytes.subarray(cut));
    });
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(received));
    });
  });
}
