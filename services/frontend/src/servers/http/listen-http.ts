import { type Lifecycle, withPort } from "@infaas/runtime";
import type { FrontendConfig } from "../../config";
import { STOP_GRACE_MS } from "../stop-grace";
import { HttpFace, type HttpFaceOptions } from "./http-face";

/** Opens the HTTP face, unless it is off. */
export async function listenHttp(
  config: FrontendConfig,
  parts: Omit<HttpFaceOptions, "corsOrigins">,
  lifecycle: Lifecycle,
): Promise<{ readonly face: HttpFace; readonly address: string } | null> {
  if (config.httpListen === "none") return null;
  const face = new HttpFace({ ...parts, corsOrigins: config.httpCorsOrigins });
  const port = await face.listen(config.httpListen);
  lifecycle.onStop("HTTP face", () => face.stop(STOP_GRACE_MS));
  return { face, address: withPort(config.httpListen, port) };
}
