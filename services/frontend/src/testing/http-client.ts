import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import { addressOf } from "@infaas/runtime";
import { type House, TASK } from "./house";

/** An answer as it came; `json` is empty where it is none. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly json: Record<string, unknown>;
}

/** One row for the model of the fixture. */
export const row = { name: "pixels", shape: [1, 4], datatype: "FP32", data: [[0, 0.25, 0.5, 1]] };

/** JSON of a query of one row. */
export function inferBody(more: Record<string, unknown> = {}): string {
  return JSON.stringify({ id: "q-1", inputs: [row], ...more });
}

/** The sentence of a failure. */
export function errorOf({ json }: HttpAnswer): string {
  return String(json.error);
}

/** Asks a house's HTTP face over real sockets. */
export class HttpCaller {
  readonly host: string;
  readonly port: number;

  constructor(house: House) {
    const { host, port } = addressOf(house.frontend.httpAddress ?? "");
    this.host = host;
    this.port = port;
  }

  /** A `body` makes it a POST. */
  ask(path: string, body?: string | Buffer, headers: OutgoingHttpHeaders = {}, method?: string) {
    const verb = method ?? (body === undefined ? "GET" : "POST");
    const { host, port } = this;
    return new Promise<HttpAnswer>((resolve, reject) => {
      const sent = httpRequest({ host, port, path, headers, method: verb }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => {
          const whole = Buffer.concat(chunks);
          const isJson = response.headers["content-type"] === "application/json";
          const plain = response.headers["content-encoding"] === undefined;
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: whole,
            json: isJson && plain && whole.length > 0 ? JSON.parse(whole.toString()) : {},
          });
        });
      });
      sent.once("error", reject);
      sent.end(body);
    });
  }

  /** A query of one row. */
  infer(more: Record<string, unknown> = {}, headers: OutgoingHttpHeaders = {}, name: string = TASK) {
    return this.ask(`/v2/models/${name}/infer`, inferBody(more), headers);
  }
}
