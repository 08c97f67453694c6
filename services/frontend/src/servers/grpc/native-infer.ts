import { type InferHead, scanInferRequest } from "@infaas/api";
import {
  type Caller,
  type ServiceError,
  statusPairs,
  type TrailerValues,
  trailerPairs,
} from "@infaas/runtime";
import { type InferArrival, type InferHandler, LinkBytes, type Wire, WireInferCall } from "@infaas/wire";
import type { StartedQuery } from "../../intake/accept-query";
import { type InferCall, type InferOptions, type InferOutcome, startRead } from "../../intake/infer-call";
import type { AnswerMessage } from "../../query/answer-message";
import type { Body } from "../../query/body";
import { plainRequest } from "../../query/infer-head";
import { modelInferFace } from "./infer-ingress";

/**
 * ModelInfer on the native server: heads are read once however often they come, tensors stay outside of JavaScript. What
 * is out of the ordinary (null) goes the way of `inferIngress`.
 */
export function nativeInfer(o: InferOptions, wire: Wire<Caller>): InferHandler<InferHead | null, Caller> {
  return {
    readHead: (bytes) => {
      const scan = scanInferRequest(bytes);
      return scan.ok ? scan.head : null;
    },
    start: (id, head, arrival) => {
      if (head === null) return null;
      const call = new NativeCall(wire, id, arrival);
      call.started = startRead(o, { request: plainRequest(head, call), arrivedMs: o.clock.nowMs() }, call);
      return call;
    },
  };
}

/** One call: its own body, and what answers it. The request's id is known to native code alone. */
class NativeCall extends WireInferCall implements InferCall, Body {
  readonly sendsAtOnce = true;
  readonly face = modelInferFace;
  started: StartedQuery | null = null;

  readonly deadlineMs: number | null;
  readonly caller: Caller;
  readonly traceparent: string | undefined;

  constructor(wire: Wire<Caller>, id: number, arrival: InferArrival<Caller>) {
    super(wire, id, arrival.byteLength);
    this.deadlineMs = arrival.deadlineMs < 0 ? null : arrival.deadlineMs;
    this.caller = arrival.caller;
    this.traceparent = arrival.traceparent;
  }

  /** Calls with other metadata than a trace do not come this way. */
  metadata(): undefined {
    return undefined;
  }

  metadataNames(): readonly string[] {
    return NOTHING;
  }

  answer({ parts: [head, body] }: AnswerMessage, { trailers }: InferOutcome): void {
    const bytes = body instanceof Uint8Array || body instanceof LinkBytes ? body : (body as Body).bytes();
    this.send(head as Uint8Array, bytes, pairsOf(trailers));
  }

  refuse(error: ServiceError, { trailers }: InferOutcome): void {
    const { code, message, pairs } = statusPairs(error, trailers);
    this.fail(code, message, pairs);
  }

  override onCancelled(): void {
    this.started?.cancel();
  }
}

function pairsOf(trailers: TrailerValues): readonly string[] {
  for (const _ in trailers) return trailerPairs(trailers);
  return NOTHING;
}

const NOTHING: readonly string[] = [];
