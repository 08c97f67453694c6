/** The trace that a query belongs to, as the sender's span. Hexadecimal: 32 and 16 digits. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

/** What an executor says of its load beside every answer. */
export interface LinkLoad {
  /** Until everything queued and running at this instance is done. */
  readonly drainMs: number;
  /** Busy share of the executor's host, 0..1. */
  readonly executorUtilisation: number;
  readonly memoryFreeBytes: number;
  readonly instanceQueuedRows: number;
}

/** Set in the lane of a query: it shares no batch. */
export const LANE_ALONE = 0x80;

/** Frontend to executor: run this. `body` is the ModelInferRequest as it arrived. */
export interface InferFrame {
  readonly type: "infer";
  readonly id: number;
  /** Time left; 0 = no limit. */
  readonly timeoutMs: number;
  /** With `LANE_ALONE`. */
  readonly lane: number;
  readonly trace: SpanIds | null;
  readonly variant: string;
  readonly body: Uint8Array;
}

/** Executor to frontend: fields 5 and 6 of ModelInferResponse, and how long each stage took. */
export interface AnswerFrame {
  readonly type: "answer";
  readonly id: number;
  readonly queueMs: number;
  readonly gatherMs: number;
  readonly runMs: number;
  readonly scatterMs: number;
  /** From receiving the query to sending the answer. */
  readonly executorMs: number;
  readonly batchSize: number;
  readonly load: LinkLoad;
  readonly body: Uint8Array;
}

/** Executor to frontend: not answered. */
export interface RefusalFrame {
  readonly type: "refusal";
  readonly id: number;
  /** Canonical gRPC code. */
  readonly code: number;
  /** 0 = no advice. */
  readonly retryAfterMs: number;
  readonly load: LinkLoad;
  readonly message: string;
}

/** Frontend to executor: nobody waits for this any more. */
export interface CancelFrame {
  readonly type: "cancel";
  readonly id: number;
}

/** Executor to frontend: send no more; what is in flight will be answered. */
export interface DrainingFrame {
  readonly type: "draining";
  readonly id: 0;
}

/**
 * Executor to frontend, first on a plain connection: served from now on. A link inside gRPC is greeted by a
 * message without frames instead.
 */
export interface GreetingFrame {
  readonly type: "greeting";
  readonly id: 0;
}

/**
 * Frontend to executor, first on a plain connection where members have to say who they are; the greeting
 * follows.
 */
export interface CredentialFrame {
  readonly type: "credential";
  readonly id: 0;
  /** In the form of `authorization`. */
  readonly credential: string;
}

/** What travels on a link between a frontend and an executor. */
export type Frame =
  | InferFrame
  | AnswerFrame
  | RefusalFrame
  | CancelFrame
  | DrainingFrame
  | GreetingFrame
  | CredentialFrame;

/** A frame to be sent: the body of an answer may be in parts. */
export type OutgoingFrame =
  | Exclude<Frame, AnswerFrame>
  | (Omit<AnswerFrame, "body"> & { readonly body: Uint8Array | readonly Uint8Array[] });

/**
 * Layout, little-endian: u32 length of all that follows, u8 type, u8 flags (0), u16 header bytes, u32 id,
 * header, body. A reader takes a longer header than it knows and leaves the rest of it unread, so fields can
 * be added at the end. native/wire/src/frames/frame.h reads and writes the same bytes; link-golden.test.ts
 * holds the two together.
 */
export const FrameType = {
  INFER: 1,
  ANSWER: 2,
  REFUSAL: 3,
  CANCEL: 4,
  DRAINING: 5,
  GREETING: 6,
  CREDENTIAL: 7,
} as const;

/** Bytes before the header, and those of them that the length does not count. */
export const PREFIX_BYTES = 12;
export const LENGTH_BYTES = 4;
export const INFER_HEADER_BYTES = 8 + 1 + 1 + 16 + 8 + 2;
export const LOAD_BYTES = 8 + 8 + 8 + 4;
export const ANSWER_HEADER_BYTES = 5 * 8 + 4 + LOAD_BYTES;
export const REFUSAL_HEADER_BYTES = 1 + 8 + LOAD_BYTES;
