import { GRPCInferenceService } from "@infaas/api";
import { methodPath, type RawUnaryCall } from "@infaas/runtime";
import { type InferCall, type InferOptions, startInfer } from "../../intake/infer-call";
import { rpcFace } from "../../telemetry/query-face";

/** ModelInfer, whatever reads its sockets. */
export const modelInferFace = rpcFace(methodPath(GRPCInferenceService.method.modelInfer));

/** ModelInfer of gRPC, on raw bytes. */
export function inferIngress(o: InferOptions): (bytes: Buffer, call: RawUnaryCall) => void {
  return (bytes, raw) => {
    const call: InferCall = {
      deadlineMs: raw.deadlineMs,
      caller: raw.caller,
      face: modelInferFace,
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
