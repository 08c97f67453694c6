#!/usr/bin/env node
/** Fuzzes what a peer's bytes go through on the server's port: `npm run fuzz -w @infaas/wire [-- SECONDS|--build-only]`. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fuzz, sourcesOf } from "../../../libfuzzer.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const source = join(root, "src");

fuzz({
  target: "fuzz_server",
  build: join(root, "build", "fuzz"),
  layout: [join(root, "lib", "event-layout.ts"), "event_layout.h", "wire"],
  sources: [
    join(here, "fuzz_server.cc"),
    ...["frames", "sockets", "http2", "net", "link"].flatMap((folder) => sourcesOf(join(source, folder))),
  ],
  includes: [source, join(here, "..")],
  options: ["-isystem", join(dirname(process.execPath), "..", "include", "node"), "-ldl"],
  limits: ["-timeout=10", "-rss_limit_mb=1024"],
  seconds: 15,
});
