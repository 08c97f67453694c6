import type { RawUnaryCall } from "@infaas/runtime";
import { type InferCall, type InferOptions, startInfer } from "../../intake/infer-call";

/** ModelInfer of gRPC, on raw bytes. */
export function inferIngress(o: InferOptions): (bytes: Buffer, call: RawUnaryCall) => void {
  return (bytes, raw) => {
    const call: InferCall = {
      deadlineMs: raw.deadlineMs,
      caller: raw.caller,
      traceparent: raw.metadata("traceparent"),
      metadata: (name) => raw.metadata(name),
      metadataNames: () => raw.metadataNames(),
      answer: (message, { trailers }) => raw.answer(message, trailers),
      refuse: (error, { trailers }) => raw.refuse(error, trailers),
    };
    const started = startInfer(o, bytes, call);
    raw.onCancel(() => started.cancel());
  };
}
