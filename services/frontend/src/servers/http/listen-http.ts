import { type Lifecycle, withPort } from "@infaas/runtime";
import type { FrontendConfig } from "../../config";
import { STOP_GRACE_MS } from "../stop-grace";
import { consoleFiles } from "./console-files";
import { HttpServer, type HttpServerOptions } from "./http-server";

/** Opens the HTTP server, unless it is off. */
export async function listenHttp(
  config: FrontendConfig,
  parts: Omit<HttpServerOptions, "corsOrigins" | "files">,
  lifecycle: Lifecycle,
): Promise<{ readonly face: HttpServer; readonly address: string } | null> {
  if (config.httpListen === "none") return null;
  const files = config.console === "none" ? new Map() : await consoleFiles(config.console);
  const face = new HttpServer({ ...parts, files, corsOrigins: config.httpCorsOrigins });
  const port = await face.listen(config.httpListen);
  lifecycle.onStop("HTTP face", () => face.stop(STOP_GRACE_MS));
  return { face, address: withPort(config.httpListen, port) };
}
