import { deflateSync, gzipSync } from "node:zlib";
import type { Random } from "@infaas/runtime";
import { type Headers, oddCall, plainCall } from "./call-shape";
import type { FuzzedSystem } from "./fuzzed-system";
import { inferPath, streamPath } from "./good-calls";
import { goodInfer, oddInfer } from "./infer-messages";
import { prefixed } from "./message-prefix";
import type { RawCall } from "./raw-connection";
import { cheapMethods, costlyMethods, type FuzzedMethod, seedMessage } from "./seed-messages";
import { below, mutateMessage, pick } from "./wire-mutator";

/** A call that may be broken in any way. */
export interface Mutant {
  readonly path: string;
  readonly body: Buffer;
  readonly call: RawCall;
  /** Given up after so many bytes of its body; null: it has to end by itself. */
  readonly abandonedAt: number | null;
  /**
   * The request as the server has to read it, where one message of ModelInfer was sent as it is; else null.
   */
  readonly request: Buffer | null;
}

/** Of a thousand mutants; what they leave is ModelInfer. */
const perMille = { streams: 100, cheap: 180, costly: 2 };
const abandonedShare = 0.02;
/**
 * What a small message may unpack to. What it takes to refuse larger ones the unit tests of the servers show;
 * here their memory, which the allocator keeps, would hide leaks.
 */
const bombBytes = [1, 2, 4].map((mebibytes) => mebibytes * 1024 * 1024);

/** Returns what `random` makes of the system's methods. */
export function makeMutant(system: FuzzedSystem, random: Random): Mutant {
  const chance = below(random, 1000);
  const { streams, cheap, costly } = perMille;
  if (chance < streams) return packed(streamPath, streamed(system, random), random);
  if (chance < streams + cheap) return ofMethod(pick(cheapMethods, random), system.names, random);
  if (chance < streams + cheap + costly)
    return ofMethod(pick(costlyMethods, random), system.expendable, random);
  return packed(inferPath, [inferMessage(system, random)], random);
}

function inferMessage(system: FuzzedSystem, random: Random): Buffer {
  if (random.next() < 0.4)
    return mutateMessage(goodInfer(system, [below(random, system.rows.length)], "fuzz"), random);
  const odd = oddInfer(system, random);
  return random.next() < 0.5 ? odd : mutateMessage(odd, random);
}

function streamed(system: FuzzedSystem, random: Random): Buffer[] {
  return Array.from({ length: 1 + below(random, 4) }, () =>
    random.next() < 0.3
      ? goodInfer(system, [below(random, system.rows.length)], "good")
      : inferMessage(system, random),
  );
}

function ofMethod(
  { path, input, streamsRequest, endless }: FuzzedMethod,
  names: readonly string[],
  random: Random,
): Mutant {
  const count = streamsRequest ? below(random, 4) : 1;
  const messages = Array.from({ length: count }, () =>
    mutateMessage(seedMessage(input, names, random), random),
  );
  return packed(path, messages, random, endless ? { "grpc-timeout": "50m" } : {});
}

/** Puts messages on the wire: compressed or not, truthfully or not, whole or given up half-way. */
function packed(path: string, messages: readonly Buffer[], random: Random, base: Headers = {}): Mutant {
  let headers: Headers = random.next() < 0.25 ? { ...pick(oddHeaders, random), ...base } : base;
  let body: Buffer = Buffer.concat(messages.map(prefixed));
  let isPlain = true;
  if (random.next() < 0.03 && messages.length > 0) {
    [body, headers] = compressed(messages, headers, random);
    isPlain = false;
  }
  if (random.next() < 0.02 && body.length >= 5) {
    body.writeUInt32BE(below(random, 0xffff_ffff), 1);
    isPlain = false;
  }
  if (random.next() < 0.02 && body.length > 0) {
    body[0] = below(random, 256);
    isPlain = false;
  }
  const call = random.next() < 0.3 ? oddCall(path, body, headers, random) : plainCall(path, body, headers);
  const abandonedAt = random.next() < abandonedShare ? below(random, body.length + 1) : null;
  const request = isPlain && path === inferPath ? messages[0]! : null;
  return { path, body, call, abandonedAt, request };
}

function compressed(messages: readonly Buffer[], headers: Headers, random: Random): [Buffer, Headers] {
  const name = pick(["gzip", "deflate"] as const, random);
  const told = random.next() < 0.9 ? name : pick(["gzip", "deflate", "identity", "snappy", ""], random);
  const packedMessages =
    random.next() < 0.02
      ? [bomb(name, pick(bombBytes, random))]
      : messages.map((message) => pack(name, message));
  const bodies = packedMessages.map((bytes) => {
    const body = prefixed(random.next() < 0.8 ? bytes : mutateMessage(bytes, random));
    body[0] = 1;
    return body;
  });
  return [Buffer.concat(bodies), { ...headers, "grpc-encoding": told }];
}

function pack(name: "gzip" | "deflate", bytes: Buffer): Buffer {
  return name === "gzip" ? gzipSync(bytes, { level: 1 }) : deflateSync(bytes, { level: 1 });
}

/** Bombs that were made before: each takes a tenth of a second. */
const bombs = new Map<string, Buffer>();

function bomb(name: "gzip" | "deflate", bytes: number): Buffer {
  const key = `${name} ${bytes}`;
  const made = bombs.get(key) ?? pack(name, Buffer.alloc(bytes));
  bombs.set(key, made);
  return made;
}

const long = "v".repeat(4_000);
const oddHeaders: readonly Headers[] = [
  { "grpc-timeout": "1m" },
  { "grpc-timeout": "0n" },
  { "grpc-timeout": "99999999H" },
  { "grpc-timeout": "-1S" },
  { "grpc-timeout": "1" },
  { "grpc-timeout": "" },
  { "grpc-timeout": "1000000000000000S" },
  { "grpc-encoding": "snappy" },
  { "grpc-accept-encoding": "gzip,deflate,identity" },
  { "content-type": "application/grpc+proto" },
  { "slo-latency-ms": "0.001" },
  { "slo-latency-ms": "1e999" },
  { "slo-latency-ms": "" },
  { "slo-min-accuracy": "2" },
  { "slo-max-cost": "0" },
  { objective: "max-accuracy" },
  { objective: "\u00ff" },
  { explain: "true", "no-downgrade": "maybe" },
  { priority: "18446744073709551616", timeout: "1" },
  { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
  { traceparent: "ff-zz" },
  { triton_grpc_error: "true" },
  { "x-any-bin": "====" },
  { "x-any-bin": "AAEC,AwQ" },
  { authorization: "Bearer nobody" },
  { "user-agent": long },
  { "x-1": long, "x-2": long, "x-3": long, "x-4": long, "x-5": long },
];
