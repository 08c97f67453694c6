import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Code, ServiceError } from "@infaas/runtime";
import { emptyReply, type Reply } from "./reply";

const FILES: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "console.js": "text/javascript; charset=utf-8",
  "style.css": "text/css; charset=utf-8",
};

/** A page that loads and calls nothing but the server that it came from, and that no other page may frame. */
const HEADERS = {
  "cache-control": "no-cache",
  "content-security-policy":
    "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; form-action 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/**
 * Replies of the console by path, from the folder that its build writes; read once, at start. FAILED_PRECONDITION
 * where a file cannot be read.
 */
export async function consoleFiles(folder: string): Promise<ReadonlyMap<string, Reply>> {
  const replies = new Map<string, Reply>();
  for (const [name, type] of Object.entries(FILES)) {
    const path = name === "index.html" ? "/console/" : `/console/${name}`;
    const headers = { ...HEADERS, "content-type": type };
    replies.set(path, { status: 200, headers, parts: [await fileOf(folder, name)], compressible: true });
  }
  const moved = { ...emptyReply(308), headers: { location: "/console/" } };
  return replies.set("/", moved).set("/console", moved);
}

async function fileOf(folder: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(folder, name));
  } catch (cause) {
    const sentence = `the console's ${name} cannot be read in ${folder}: ${cause instanceof Error ? cause.message : cause}`;
    throw new ServiceError(Code.FAILED_PRECONDITION, sentence, { cause });
  }
}
