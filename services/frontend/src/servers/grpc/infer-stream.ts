import { create, toBinary } from "@bufbuild/protobuf";
import {
  encodeAnswerHead,
  encodeStreamPrefix,
  GRPCInferenceService,
  ModelStreamInferResponseSchema,
} from "@infaas/api";
import { type Caller, methodPath, type ServedStream, type ServiceError } from "@infaas/runtime";
import type { StartedQuery } from "../../intake/accept-query";
import { type InferCall, type InferOptions, type InferOutcome, startInfer } from "../../intake/infer-call";
import { AnswerMessage } from "../../query/answer-message";
import { rpcFace } from "../../telemetry/query-face";

/** Requests one stream may have unanswered; at the bound it is not read until some are, so its sender has to wait. */
export const STREAM_IN_FLIGHT_MAX = 256;

/** ModelStreamInfer of gRPC, on raw bytes. */
export function inferStreams(o: InferOptions): (stream: ServedStream) => void {
  return (stream) => {
    new InferStream(o, stream);
  };
}

const streamFace = rpcFace(methodPath(GRPCInferenceService.method.modelStreamInfer));

/** How one request of a stream ended. */
type Outcome =
  | { readonly kind: "answer"; readonly message: AnswerMessage; readonly about: InferOutcome }
  | { readonly kind: "error"; readonly error: ServiceError; readonly about: InferOutcome };

/** The place of one request in the order of answers. */
interface Place {
  outcome: Outcome | null;
  started: StartedQuery | null;
}

/**
 * One stream of requests. They run side by side and are answered in the order they came, as Triton answers models that
 * give one response each. A request that fails is a message with its error and id, and the stream goes on, unless the
 * caller asked by the metadata `triton_grpc_error: true` for the stream to end with the status of the first error.
 */
class InferStream {
  private readonly places: Place[] = [];
  private readonly endsAtError: boolean;
  private readonly caller: Caller;
  private readonly metadataNames: readonly string[];
  private blocked = false;
  private paused = false;
  private halfClosed = false;
  private ended = false;

  constructor(
    private readonly o: InferOptions,
    private readonly stream: ServedStream,
  ) {
    this.endsAtError = stream.metadata("triton_grpc_error") === "true";
    this.caller = stream.caller;
    this.metadataNames = stream.metadataNames();
    stream.onData((bytes) => this.received(bytes));
    stream.onDrain(() => {
      this.blocked = false;
      this.flush();
    });
    stream.onEnd(() => {
      this.halfClosed = true;
      this.flush();
    });
    stream.onBreak(() => this.abandon());
  }

  private received(bytes: Buffer): void {
    if (this.ended) return;
    const place: Place = { outcome: null, started: null };
    this.places.push(place);
    if (this.places.length >= STREAM_IN_FLIGHT_MAX && !this.paused) {
      this.paused = true;
      this.stream.pause();
    }
    place.started = startInfer(this.o, bytes, this.callOf(place));
  }

  /** The deadline of a stream bounds the stream, not each of its requests: `slo_latency_ms` says what those need. */
  private callOf(place: Place): InferCall {
    const settle = (outcome: Outcome) => {
      place.outcome = outcome;
      this.flush();
    };
    return {
      deadlineMs: null,
      caller: this.caller,
      face: streamFace,
      traceparent: this.stream.metadata("traceparent"),
      metadata: (name) => this.stream.metadata(name),
      metadataNames: () => this.metadataNames,
      answer: (message, about) => settle({ kind: "answer", message, about }),
      refuse: (error, about) => settle({ kind: "error", error, about }),
    };
  }

  private flush(): void {
    while (!this.ended && !this.blocked) {
      const outcome = this.places[0]?.outcome;
      if (outcome === undefined || outcome === null) break;
      this.places.shift();
      this.send(outcome);
    }
    if (this.ended) return;
    if (this.paused && this.places.length < STREAM_IN_FLIGHT_MAX) {
      this.paused = false;
      this.stream.resume();
    }
    if (this.halfClosed && this.places.length === 0) {
      this.ended = true;
      this.stream.end();
    }
  }

  private send(outcome: Outcome): void {
    if (outcome.kind === "error" && this.endsAtError) {
      this.abandon();
      this.stream.destroy(outcome.error);
      return;
    }
    const message = outcome.kind === "answer" ? answerMessage(outcome) : errorMessage(outcome);
    this.blocked = !this.stream.write(message);
  }

  /** Cancels what runs: nobody reads its answers. */
  private abandon(): void {
    this.ended = true;
    for (const { started } of this.places.splice(0)) started?.cancel();
  }
}

/** A client may ask to be told which response is a request's last; here each request has one, so that it always is. */
const FINAL = encodeAnswerHead({
  modelName: "",
  modelVersion: "",
  id: "",
  parameters: { triton_final_response: true },
});

function answerMessage({ message, about }: Extract<Outcome, { kind: "answer" }>): AnswerMessage {
  const isMarked = about.parameters.get("triton_enable_empty_final_response") === true;
  const bytes = message.byteLength + (isMarked ? FINAL.byteLength : 0);
  const tail = isMarked ? [FINAL] : [];
  return new AnswerMessage([encodeStreamPrefix(bytes), ...message.parts, ...tail]);
}

function errorMessage({ error, about }: Extract<Outcome, { kind: "error" }>): Uint8Array {
  const message = { errorMessage: error.message, inferResponse: { id: about.id } };
  return toBinary(ModelStreamInferResponseSchema, create(ModelStreamInferResponseSchema, message));
}
