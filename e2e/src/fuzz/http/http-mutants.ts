import type { Random } from "@infaas/runtime";
import type { FuzzedSystem } from "../fuzzed-system";
import { below, mutateMessage, pick, randomBytes } from "../wire-mutator";
import { inferJson } from "./http-good";
import {
  compressedRequest,
  type HttpHeaders,
  type HttpRequest,
  headLength,
  writtenInChunks,
  writtenWhole,
} from "./http-requests";
import { mutateJson } from "./json-mutator";

/** A request that is HTTP, and may be anything else than what the face serves. */
export interface HttpMutant {
  readonly bytes: Buffer;
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
}

/** Of a thousand mutants; what they leave asks for inference. */
const perMille = { management: 250, costly: 2 };
const zerosBytes = 4 * 1024 * 1024;

/** Returns what `random` makes of the face's paths, headers and bodies. */
export function makeHttpMutant(system: FuzzedSystem, random: Random): HttpMutant {
  const chance = below(random, 1000);
  const { management, costly } = perMille;
  if (chance < management) return finished(managementRequest(cheapPaths, system.names, random), random);
  if (chance < management + costly)
    return finished(managementRequest(costlyPaths, system.expendable, random), random);
  return finished(inferRequest(system, random), random);
}

function inferRequest(system: FuzzedSystem, random: Random): HttpRequest {
  const rows = Array.from({ length: pick([1, 1, 2, 9], random) }, () => pick(system.rows, random));
  const binaryIn = random.next() < 0.4;
  const text = inferJson(system, rows, { id: "fuzz", binaryIn, binaryOut: random.next() < 0.3 });
  const json = random.next() < 0.85 ? mutateJson(text, random) : Buffer.from(text);
  const name = random.next() < 0.8 ? system.variant : encodeURIComponent(pick(system.names, random));
  const path = `/v2/models/${name}${random.next() < 0.1 ? "/versions/1" : ""}/infer`;
  const base = { method: "POST", path, headers: {} };
  if (random.next() < 0.05) return { ...base, headers: { [headLength]: 0 }, body: rawBody(rows, random) };
  if (!binaryIn) return { ...base, body: json };
  const length = random.next() < 0.8 ? json.length : pick(oddLengths, random);
  return { ...base, headers: { [headLength]: length }, body: Buffer.concat([json, rawBody(rows, random)]) };
}

function rawBody(rows: readonly Uint8Array[], random: Random): Buffer {
  const raw = Buffer.concat(rows);
  return random.next() < 0.7 ? raw : mutateMessage(raw, random);
}

const oddLengths = [
  "-1",
  "1",
  "1e3",
  "0x10",
  "5.0",
  "99999999999999999999",
  "NaN",
  "",
  "12, 12",
  "4294967296",
];

const cheapPaths = [
  ...[
    "GET /v2",
    "GET /v2/",
    "GET /v2/health/live",
    "GET /v2/health/ready",
    "GET /metrics",
    "GET /",
    "GET /v1",
  ],
  ...["GET /v2/models/stats", "POST /v2/repository/index", "POST /v2/repository/@/index"],
  ...["GET /v2/models/@", "GET /v2/models/@/ready", "GET /v2/models/@/config", "GET /v2/models/@/stats"],
  ...[
    "GET /v2/models/@/versions/@/ready",
    "GET /v2/models/@/versions/1",
    "GET /v2/models/@/versions/x/config",
  ],
  ...["GET /v2/systemsharedmemory/status", "GET /v2/systemsharedmemory/region/@/status"],
  ...["POST /v2/systemsharedmemory/region/@/register", "POST /v2/systemsharedmemory/region/@/unregister"],
  ...["POST /v2/cudasharedmemory/region/@/register", "POST /v2/cudasharedmemory/unregister"],
  ...["GET /v2/logging", "POST /v2/logging", "GET /v2/trace/setting", "POST /v2/trace/setting"],
  ...["GET /v2/models/@/trace/setting", "POST /v2/models/@/trace/setting"],
];
const costlyPaths = ["POST /v2/repository/models/@/load", "POST /v2/repository/models/@/unload"];
const managementJson = JSON.stringify({
  ready: true,
  key: "/no-such",
  offset: 0,
  byte_size: 64,
  raw_handle: { b64: "AAEC" },
  device_id: 0,
  log_info: true,
  log_verbose_level: 0,
  trace_level: ["TIMESTAMPS"],
  trace_rate: "1",
  parameters: { config: "{}", unload_dependents: false },
});

function managementRequest(paths: readonly string[], names: readonly string[], random: Random): HttpRequest {
  const [method = "", template = ""] = pick(paths, random).split(" ");
  const name = () => (random.next() < 0.8 ? encodeURIComponent(pick(names, random)) : pick(oddParts, random));
  const path = template.replaceAll("@", name);
  const body = method === "POST" ? mutateJson(managementJson, random) : Buffer.alloc(0);
  return { method, path, headers: {}, body };
}

const oddParts = [
  ...[
    "%zz",
    "%",
    "%00",
    "%2f",
    "%ff",
    "..",
    "%2e%2e%2f",
    "a%20b",
    "a+b",
    "x".repeat(9_000),
    "//",
    "?",
    "a?b=c",
    "%F0%9F%98%80",
  ],
  ...["versions", "infer", "__proto__", "constructor", "versions/versions/versions", ";", "@", "'"],
];

const oddHeaders: readonly HttpHeaders[] = [
  { Origin: "https://evil.example" },
  { Origin: "null" },
  { "Content-Encoding": "br" },
  { "Content-Encoding": "gzip" },
  { "Content-Encoding": "deflate" },
  { "Content-Encoding": "gzip, gzip" },
  { "Accept-Encoding": "gzip" },
  { "Accept-Encoding": "gzip;q=0, deflate;q=x, *" },
  { Expect: "100-continue" },
  { Connection: "close" },
  { "Content-Type": "text/html; charset=utf-16" },
  { "slo-latency-ms": "0.001" },
  { "slo-latency-ms": "1e999" },
  { "slo-min-accuracy": "-1" },
  { objective: "max-accuracy" },
  { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
  { traceparent: "\u00ff" },
  { Authorization: "Bearer \u00e4" },
  { "X-1": "v".repeat(9_000) },
  { Cookie: "a=b; ".repeat(500) },
  { [headLength]: "\u00b2" },
  { "Access-Control-Request-Method": "POST", Origin: "http://fuzz" },
];
const oddMethods = ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "GET", "POST", "PROPFIND", "SEARCH"];

function finished(plain: HttpRequest, random: Random): HttpMutant {
  let request = plain;
  if (random.next() < 0.03)
    request = compressedRequest({ ...request, body: bombOr(request.body, random) }, random);
  if (random.next() < 0.03) request = { ...request, body: mutateMessage(request.body, random) };
  if (random.next() < 0.2)
    request = { ...request, headers: { ...request.headers, ...pick(oddHeaders, random) } };
  if (random.next() < 0.05) request = { ...request, method: pick(oddMethods, random) };
  const bytes = random.next() < 0.8 ? writtenWhole(request) : writtenInChunks(request, random);
  const { method, path, body } = request;
  return { bytes, method, path, body };
}

function bombOr(body: Buffer, random: Random): Buffer {
  if (random.next() < 0.98) return body;
  return random.next() < 0.5 ? Buffer.alloc(zerosBytes, " ") : randomBytes(random, 300_000);
}
