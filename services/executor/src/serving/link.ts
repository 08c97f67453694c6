import {
  type AnswerOutput,
  answerBytesMax,
  encodeAnswerBody,
  type Frame,
  FrameReader,
  type InferFrame,
  LANE_ALONE,
} from "@infaas/api";
import { type Clock, Code, ServiceError } from "@infaas/runtime";
import type { Engine, EngineAnswer } from "../engines/engine-port";
import { type AdaptedQuery, type AdapterPort, readAdapted } from "./adapt-query";
import { Cancellation } from "./cancellation";
import { checkSent, type DecodedInfer, readInfer, type SentInfer } from "./infer-decode";
import { LinkOutbox } from "./link-outbox";
import type { LinkStream } from "./link-stream";
import { submitNoRows } from "./no-rows";
import type { QuerySpans } from "./query-spans";
import type { Reporter } from "./reporter";
import type { QueryFigures, ServedInstance, ServedInstances } from "./served-instance";
import type { SharedMemory } from "./shared-memory";

export interface LinkPorts {
  readonly clock: Clock;
  readonly executor: ServedInstances;
  readonly reporter: Reporter;
  readonly figures: QueryFigures;
  readonly spans: QuerySpans;
  /** Tensors that are not in the messages. */
  readonly memory: SharedMemory;
  readonly adapters: AdapterPort;
  /** Queries that one link may have unanswered. */
  readonly inFlightMax: number;
}

/**
 * Refusals that may wait for a peer that does not read, as a multiple of `inFlightMax`; beyond it the link is
 * cut.
 */
const UNREAD_MAX_FACTOR = 2;

/** One query between its frame and its end. */
interface Taken {
  readonly frame: InferFrame;
  readonly receivedMs: number;
  readonly instance: ServedInstance;
  readonly engine: Engine;
  readonly cancellation: Cancellation;
}

/** One whose tensors are known. */
interface Running extends Taken {
  readonly query: DecodedInfer;
}

/** The executor's end of one link: a stream of queries, each answered or refused unless it is cancelled. */
export class Link {
  private readonly running = new Map<number, Taken>();
  private readonly reader = new FrameReader();
  private readonly outbox: LinkOutbox;
  private ended = false;

  /** Serves `stream` until it ends; `onEnd` is called once then. */
  constructor(
    private readonly stream: LinkStream,
    private readonly ports: LinkPorts,
    onEnd: (link: Link) => void,
  ) {
    this.outbox = new LinkOutbox(stream, ports.clock);
    stream.onData((bytes) => this.receive(bytes));
    stream.onDrain(() => this.outbox.drained());
    this.outbox.greet();
    stream.onEnd((error) => {
      this.end();
      if (error === null) stream.end();
      onEnd(this);
    });
  }

  /** Queries accepted and not answered. */
  get inFlight(): number {
    return this.running.size;
  }

  /** Asks the frontend to send no more; what is in flight is answered. */
  announceDraining(): void {
    this.outbox.push({ type: "draining", id: 0 }, null);
  }

  /** Ends the stream from this side, once every answer is on its way. */
  close(): void {
    this.outbox.finish();
    this.stream.end();
  }

  private end(): void {
    this.ended = true;
    this.outbox.close();
    for (const { cancellation } of this.running.values()) cancellation.abort();
    this.running.clear();
  }

  private receive(bytes: Buffer): void {
    const receivedMs = this.ports.clock.nowMs();
    const read = this.reader.push(bytes);
    if (!read.ok) {
      this.stream.destroy(new ServiceError(Code.INVALID_ARGUMENT, `broken frame: ${read.fault}`));
      return;
    }
    for (const frame of read.frames) this.dispatch(frame, receivedMs);
  }

  private dispatch(frame: Frame, receivedMs: number): void {
    if (this.ended) return;
    if (frame.type === "infer") this.infer(frame, receivedMs);
    else if (frame.type === "cancel") this.cancel(frame.id);
    else {
      this.stream.destroy(
        new ServiceError(Code.INVALID_ARGUMENT, `a frontend must not send a ${frame.type} frame`),
      );
    }
  }

  private infer(frame: InferFrame, receivedMs: number): void {
    if (this.running.has(frame.id)) {
      this.stream.destroy(
        new ServiceError(Code.INVALID_ARGUMENT, `query id ${frame.id} is in flight already`),
      );
      return;
    }
    const { executor, inFlightMax } = this.ports;
    const instance = executor.instance(frame.variant);
    const engine = instance?.readyEngine;
    if (instance === undefined || engine === null || engine === undefined) {
      this.refuse(frame, instance, notServed(executor.name, frame.variant, instance));
      return;
    }
    if (this.running.size + this.outbox.pending >= inFlightMax) {
      this.refuseOverfull(frame, instance);
      return;
    }
    const sent = readInfer(frame.body, this.ports.memory);
    if (!sent.ok) {
      this.refuse(frame, instance, new ServiceError(Code.INVALID_ARGUMENT, sent.fault));
      return;
    }
    const taken = { frame, receivedMs, instance, engine, cancellation: new Cancellation() };
    this.running.set(frame.id, taken);
    this.start(taken, sent.value);
  }

  /** Runs a query of tensors; pictures and texts are turned into tensors before. */
  private start(taken: Taken, sent: SentInfer): void {
    try {
      const adapted = readAdapted(taken.instance.adapter, taken.engine, sent.inputs);
      if (adapted === null) this.runSent(taken, sent, stated(taken.frame.timeoutMs));
      else this.adapt(taken, sent, adapted);
    } catch (fault) {
      this.failed(taken, ServiceError.from(fault));
    }
  }

  private adapt(
    taken: Taken,
    sent: SentInfer,
    { adapter, elements, datatype, withRows }: AdaptedQuery,
  ): void {
    const work = {
      adapter,
      datatype,
      elements,
      timeoutMs: stated(taken.frame.timeoutMs),
      signal: taken.cancellation,
    };
    this.ports.adapters.adapt(work).then(
      (rows) => {
        if (this.running.get(taken.frame.id) === taken)
          this.runSent(taken, { ...sent, inputs: withRows(rows) }, this.leftMs(taken));
      },
      (fault) => this.failed(taken, ServiceError.from(fault)),
    );
  }

  private runSent(taken: Taken, sent: SentInfer, timeoutMs: number | null): void {
    const checked = checkSent(sent, taken.engine);
    if (checked.ok) this.run({ ...taken, query: checked.value }, timeoutMs);
    else this.failed(taken, new ServiceError(Code.INVALID_ARGUMENT, checked.fault));
  }

  /** What is left until the query's deadline, above 0 so that a late one is refused as late; null: it has none. */
  private leftMs({ frame, receivedMs }: Taken): number | null {
    const timeoutMs = stated(frame.timeoutMs);
    if (timeoutMs === null) return null;
    return Math.max(LEFT_LEAST_MS, timeoutMs - (this.ports.clock.nowMs() - receivedMs));
  }

  private run(running: Running, timeoutMs: number | null): void {
    const { frame, instance } = running;
    this.running.set(frame.id, running);
    const { rows, dims, inputs, optional } = running.query;
    const alone = (frame.lane & LANE_ALONE) !== 0;
    const lane = frame.lane & ~LANE_ALONE;
    const plain = { rows, dims, lane, alone, timeoutMs, signal: running.cancellation };
    const asked = optional === undefined ? plain : { ...plain, optional };
    const submit = instance.submit.bind(instance);
    const answer =
      rows === 0 ? submitNoRows(running.engine, submit, inputs, asked) : instance.submit(inputs, asked);
    answer.then(
      (answer) => this.answered(running, answer),
      (fault) => this.failed(running, ServiceError.from(fault)),
    );
  }

  private answered(running: Running, answer: EngineAnswer): void {
    const { clock, figures, reporter, spans } = this.ports;
    const { frame, receivedMs, query } = running;
    figures.answered(running.frame.variant, query.rows, answer);
    if (!this.take(running)) {
      answer.release();
      return;
    }
    const { queueMs, gatherMs, runMs, scatterMs } = answer;
    // A query that runs by itself is its whole batch, also beyond the largest that others share.
    const batchSize = Math.max(answer.batchSize, query.rows);
    const tensors = this.placed(running, answerTensors(running.engine, query, answer));
    if (tensors instanceof ServiceError) {
      answer.release();
      this.refuse(frame, running.instance, tensors);
      return;
    }
    const body = encodeAnswerBody(tensors);
    const bytes = body.reduce((sum, part) => sum + part.byteLength, 0);
    if (bytes > answerBytesMax) {
      answer.release();
      const sentence = `answer of ${bytes} bytes, allowed are ${answerBytesMax}`;
      this.refuse(frame, running.instance, new ServiceError(Code.RESOURCE_EXHAUSTED, sentence));
      return;
    }
    const executorMs = clock.nowMs() - receivedMs;
    if (frame.trace !== null) {
      const { trace, variant } = frame;
      spans.record({ trace, variant, rows: query.rows, executorMs, agoMs: 0 }, answer);
    }
    const load = reporter.load(running.instance);
    const times = { queueMs, gatherMs, runMs, scatterMs, executorMs };
    this.outbox.push({ type: "answer", id: frame.id, ...times, batchSize, load, body }, () =>
      answer.release(),
    );
  }

  /** The tensors of an answer, without the bytes of those that were written to shared memory. */
  private placed(
    { query }: Running,
    tensors: readonly AnswerOutput[],
  ): readonly AnswerOutput[] | ServiceError {
    const { placements } = query;
    if (placements.size === 0) return tensors;
    try {
      return tensors.map((tensor) => {
        const place = placements.get(tensor.name);
        if (place === undefined) return tensor;
        this.ports.memory.write(place, tensor.name, tensor.bytes);
        return { ...tensor, bytes: NO_BYTES };
      });
    } catch (fault) {
      return ServiceError.from(fault);
    }
  }

  private failed(running: Taken, fault: ServiceError): void {
    if (this.take(running)) this.refuse(running.frame, running.instance, fault);
  }

  /** Removes a running query; returns whether it was still expected. */
  private take(running: Taken): boolean {
    if (this.running.get(running.frame.id) !== running) return false;
    return this.running.delete(running.frame.id);
  }

  private refuseOverfull(frame: InferFrame, instance: ServedInstance): void {
    const { inFlightMax } = this.ports;
    if (this.outbox.pending > inFlightMax * UNREAD_MAX_FACTOR) {
      this.stream.destroy(
        new ServiceError(Code.RESOURCE_EXHAUSTED, `${this.outbox.pending} answers were not read`),
      );
      return;
    }
    const message = `this link has ${this.running.size} queries in flight, allowed are ${inFlightMax}`;
    this.refuse(frame, instance, new ServiceError(Code.RESOURCE_EXHAUSTED, message));
  }

  private refuse(frame: InferFrame, instance: ServedInstance | undefined, fault: ServiceError): void {
    const load = this.ports.reporter.load(instance);
    const retryAfterMs = fault.code === Code.RESOURCE_EXHAUSTED ? load.drainMs : 0;
    if (instance !== undefined) this.ports.figures.refused(frame.variant);
    this.outbox.push(
      { type: "refusal", id: frame.id, code: fault.code, retryAfterMs, load, message: fault.message },
      null,
    );
  }

  private cancel(id: number): void {
    const running = this.running.get(id);
    if (running === undefined) return;
    this.running.delete(id);
    running.cancellation.abort();
  }
}

/** A frame without a deadline has 0. */
function stated(timeoutMs: number): number | null {
  return timeoutMs > 0 ? timeoutMs : null;
}

function notServed(executor: string, variant: string, instance: ServedInstance | undefined): ServiceError {
  if (instance !== undefined) return instance.unavailable();
  return new ServiceError(Code.UNAVAILABLE, `executor ${executor} has no instance of ${variant}`);
}

const NO_BYTES = new Uint8Array();
/** What a query is told to have left that has nothing left: 0 would be no deadline. */
const LEFT_LEAST_MS = 0.001;

function answerTensors({ outputs }: Engine, query: DecodedInfer, answer: EngineAnswer): AnswerOutput[] {
  return query.outputs.map((index) => ({
    name: outputs[index]?.name ?? "",
    datatype: outputs[index]?.datatype ?? "",
    shape: answer.outputDims[index] ?? [],
    bytes: answer.outputs[index] ?? NO_BYTES,
  }));
}
