import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
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

/** What a scripted executor does with a query. */
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
  private plainServer: Server | null = null;
  private plainPort = 0;
  private readonly streams = new Set<Peer>();
  readonly received: InferFrame[] = [];
  readonly cancelled: number[] = [];
  behaviour: Behaviour = (_frame, reply) => reply.answer();
  /** Whether it greets a link that is opened. */
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

  /** Where it serves frames over plain TCP. */
  get linkAddress(): string {
    return `127.0.0.1:${this.plainPort}`;
  }

  async start(): Promise<void> {
    const plain = createServer((socket) => this.servePlain(socket));
    await new Promise<void>((done) => plain.listen(this.plainPort, "127.0.0.1", done));
    this.plainPort = (plain.address() as AddressInfo).port;
    this.plainServer = plain;
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
    for (const peer of this.streams) peer.cut();
    this.streams.clear();
    this.plainServer?.close();
    await this.server?.stop(0);
    this.server = null;
  }

  /** Tells every frontend to send no more. */
  announceDraining(): void {
    for (const peer of this.streams) peer.send({ type: "draining", id: 0 });
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
    const peer: Peer = {
      send: (frame) => stream.write(linkMessage(encodeFrame(frame))),
      cut: () => stream.destroy(new ServiceError(Code.UNAVAILABLE, "cut")),
    };
    this.streams.add(peer);
    stream.onEnd(() => this.streams.delete(peer));
    if (this.greets) stream.write(linkMessage([]));
    stream.onData((bytes) => this.take(peer, reader.push(bytes)));
  }

  private servePlain(socket: Socket): void {
    const reader = new FrameReader();
    const peer: Peer = {
      send: (frame) => {
        for (const part of encodeFrame(frame)) socket.write(part);
      },
      cut: () => socket.destroy(),
    };
    this.streams.add(peer);
    socket.on("close", () => this.streams.delete(peer));
    socket.on("error", () => {});
    if (this.greets) peer.send({ type: "greeting", id: 0 });
    socket.on("data", (bytes) => this.take(peer, reader.pushPlain(bytes)));
  }

  private take(peer: Peer, read: ReturnType<FrameReader["push"]>): void {
    if (!read.ok) throw new Error(read.fault);
    for (const frame of read.frames) {
      if (frame.type === "cancel") this.cancelled.push(frame.id);
      if (frame.type === "infer") {
        this.received.push(frame);
        this.behaviour(frame, this.reply(peer, frame));
      }
    }
  }

  private reply(peer: Peer, { id }: InferFrame): Reply {
    return {
      answer: () =>
        peer.send({
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
        peer.send({ type: "refusal", id, code, retryAfterMs: 0, load: LOAD, message }),
      breakLink: () => peer.cut(),
    };
  }
}

/** The other end of a link, inside gRPC or not. */
interface Peer {
  send(frame: OutgoingFrame): void;
  cut(): void;
}
