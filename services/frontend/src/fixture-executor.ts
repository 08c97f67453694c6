import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ExecutionService,
  encodeAnswerBody,
  encodeFrame,
  FrameReader,
  type InferFrame,
  linkMessage,
  type OutgoingFrame,
  type ProfileModelRequest,
  type ProfileModelResponseSchema,
  type RegistrationResult,
} from "@infaas/api";
import {
  Code,
  createLogger,
  createRpcServer,
  implementService,
  type RawStream,
  type RpcServer,
  ServiceError,
} from "@infaas/runtime";

/** How a scripted executor meets one query. */
export type Behaviour = (frame: InferFrame, reply: Reply) => void;

/** What it can do about it. */
export interface Reply {
  answer(): void;
  refuse(code: Code, message: string): void;
  /** Ends the stream the query came on, as a crash does. */
  breakLink(): void;
}

const LOAD = { drainMs: 0, executorUtilisation: 0.25, memoryFreeBytes: 8e9, instanceQueuedRows: 0 };

/** The tensor every scripted executor answers with: one row [0.25, 0.75]. */
export const ANSWER_VALUES = new Float32Array([0.25, 0.75]);

/** A real gRPC server that speaks link frames and does what a test says. */
export class ScriptedExecutor {
  private server: RpcServer | null = null;
  private readonly streams = new Set<RawStream>();
  readonly received: InferFrame[] = [];
  readonly cancelled: number[] = [];
  behaviour: Behaviour = (_frame, reply) => reply.answer();
  /** A host that is reached and says nothing does not. */
  greets = true;
  /** What ProfileModel gives. */
  profiled: RegistrationResult | null = null;
  /** What ProfileModel was asked last. */
  order: ProfileModelRequest | null = null;
  port = 0;

  constructor(readonly name: string) {}

  get openLinks(): number {
    return this.streams.size;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const server = createRpcServer({ logger: createLogger({ service: this.name, level: "error" }) });
    server.addRawBidi(ExecutionService, "Link", (stream) => this.serve(stream));
    server.add(
      implementService(ExecutionService, {
        profileModel: (order) => this.profile(order),
      }),
    );
    this.port = await server.listen(`127.0.0.1:${this.port}`);
    this.server = server;
  }

  /** As a crash: every stream breaks at once, the port is closed. */
  async stop(): Promise<void> {
    for (const stream of this.streams) stream.destroy(new ServiceError(Code.UNAVAILABLE, "crashed"));
    this.streams.clear();
    await this.server?.stop(0);
    this.server = null;
  }

  /** Tells every frontend to send no more. */
  announceDraining(): void {
    for (const stream of this.streams) send(stream, { type: "draining", id: 0 });
  }

  private async *profile(
    order: ProfileModelRequest,
  ): AsyncGenerator<MessageInitShape<typeof ProfileModelResponseSchema>> {
    this.order = order;
    if (this.profiled === null) throw new ServiceError(Code.FAILED_PRECONDITION, "nothing to profile");
    yield { event: { case: "progress", value: { stage: "profile", done: 1, total: 1 } } };
    yield { event: { case: "result", value: this.profiled } };
  }

  private serve(stream: RawStream): void {
    const reader = new FrameReader();
    this.streams.add(stream);
    stream.onEnd(() => this.streams.delete(stream));
    if (this.greets) stream.write(linkMessage([]));
    stream.onData((bytes) => {
      const read = reader.push(bytes);
      if (!read.ok) throw new Error(read.fault);
      for (const frame of read.frames) {
        if (frame.type === "cancel") this.cancelled.push(frame.id);
        if (frame.type === "infer") {
          this.received.push(frame);
          this.behaviour(frame, this.reply(stream, frame));
        }
      }
    });
  }

  private reply(stream: RawStream, { id }: InferFrame): Reply {
    return {
      answer: () =>
        send(stream, {
          type: "answer",
          id,
          queueMs: 0.5,
          gatherMs: 0.1,
          runMs: 0.75,
          scatterMs: 0.2,
          executorMs: 1.6,
          batchSize: 1,
          load: LOAD,
          body: encodeAnswerBody([
            { name: "scores", datatype: "FP32", shape: [1, 2], bytes: new Uint8Array(ANSWER_VALUES.buffer) },
          ]),
        }),
      refuse: (code, message) =>
        send(stream, { type: "refusal", id, code, retryAfterMs: 0, load: LOAD, message }),
      breakLink: () => stream.destroy(new ServiceError(Code.UNAVAILABLE, "cut")),
    };
  }
}

function send(stream: RawStream, frame: OutgoingFrame): void {
  stream.write(linkMessage(encodeFrame(frame)));
}
