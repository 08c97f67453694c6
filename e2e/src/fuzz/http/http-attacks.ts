import type { Random } from "@infaas/runtime";
import { exchangeGarbage } from "../connection-garbage";
import { below, pick, randomBytes } from "../wire-mutator";

const line = "\r\n";
const post = "POST /v2/models/x/infer HTTP/1.1\r\nHost: localhost\r\n";
const text = (...parts: readonly string[]) => Buffer.from(parts.join(""), "latin1");

/** Attacks on a connection by bytes that no HTTP client sends. */
const attacks: Readonly<Record<string, (random: Random) => Buffer>> = {
  "no HTTP at all": (random) => randomBytes(random, 1 + below(random, 400)),
  "HTTP/2": () => text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  TLS: () => Buffer.from("160301020001000001fc0303", "hex"),
  "half a head": (random) => text(post.slice(0, below(random, post.length))),
  "less body than it says": () => text(post, "Content-Length: 1000\r\n\r\n{"),
  "more body than it says": () => text(post, "Content-Length: 1\r\n\r\n{}{}{}{}"),
  "lengths that differ": () => text(post, "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
  "a length that is none": (random) =>
    text(
      post,
      `Content-Length: ${pick(["-1", "1e3", "0x2", "2,2", "99999999999999999999", " "], random)}`,
      line,
      line,
      "{}",
    ),
  "length and chunks": () =>
    text(post, "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v2 HTTP/1.1\r\n\r\n"),
  "chunks and something else": () => text(post, "Transfer-Encoding: gzip, chunked, x\r\n\r\n0\r\n\r\n"),
  "chunks that are none": (random) =>
    text(post, "Transfer-Encoding: chunked\r\n\r\n", "zz\r\n", randomBytes(random, 50).toString("latin1")),
  "a chunk without end": () => text(post, "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc"),
  "a chunk's extension without end": () =>
    text(post, "Transfer-Encoding: chunked\r\n\r\n2;", "a".repeat(40_000)),
  "headers without end": () => text(post, "X: y\r\n".repeat(5_000)),
  "one header without end": () => text(post, "X: ", "y".repeat(40_000)),
  "a path without end": () => text("GET /", "a".repeat(40_000)),
  "broken header names": (random) =>
    text(
      post,
      pick(["a b: c", ": c", "\u0000: c", "a\u0000: c", "a: b\u0000c", " a: b", "\u00e9: c"], random),
      line,
      line,
    ),
  "bare line ends": () => text(post.replaceAll("\r\n", "\n"), "Content-Length: 2\n\n{}"),
  "no host": () => text("GET /v2 HTTP/1.1\r\n\r\n"),
  "an old version": () => text("GET /v2 HTTP/1.0\r\n\r\n"),
  "a version that is none": () => text("GET /v2 HTTP/9.9\r\nHost: localhost\r\n\r\n"),
  "a tunnel": () => text("CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  "an upgrade": (random) =>
    text(
      `GET /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: ${pick(["websocket", "h2c"], random)}`,
      line,
      line,
    ),
  "a continue that never comes": () => text(post, "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n"),
  "another expectation": () => text(post, "Expect: the unexpected\r\nContent-Length: 2\r\n\r\n{}"),
  "many at once and gone": () => text(`${post}Content-Length: 2${line}${line}{}`.repeat(200)),
  "a whole URL": () => text("GET http://elsewhere/v2 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  "a URL that is none": (random) =>
    text(
      `GET ${pick(["*", "x", "//", "http://", "/\u00ff", "/ /"], random)} HTTP/1.1`,
      line,
      "Host: localhost",
      line,
      line,
    ),
};

/** Statuses of an orderly refusal. */
const servers = /^HTTP\/1\.1 5/m;
const rightServers = /^HTTP\/1\.1 50[134] /m;

/** Makes one attack on a connection of its own; resolves with what is wrong with the answer, or null. */
export async function attackHttp(address: string, random: Random): Promise<string | null> {
  const name = pick(Object.keys(attacks), random);
  const answer = (await exchangeGarbage(address, attacks[name]!(random), random)).toString("latin1");
  if (!servers.test(answer) || rightServers.test(answer)) return null;
  return `${name}: ${answer.slice(0, 300)}`;
}
