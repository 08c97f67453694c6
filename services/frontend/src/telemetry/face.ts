import type { ServerLoad } from "@infaas/runtime";

/** A server that queries come in by; metrics name it `grpc` or `http`. */
export interface Face {
  readonly load: ServerLoad;
}
