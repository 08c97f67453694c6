import { type Clock, Code, type Logger, ServiceError, type Timer } from "@infaas/runtime";
import type { AdapterPort, AdapterWork } from "../serving/adapt-query";
import { AdapterChild, type AdapterChildOptions } from "./adapter-child";
import type { AdapterReport } from "./adapter-messages";

/** Pictures and texts that are turned into tensors at once: as many as libuv has threads for. */
export const ADAPTED_AT_ONCE_MAX = 4;
/** Bytes of pictures and texts that may wait for that in one process. */
export const ADAPTED_WAITING_BYTES_MAX = 128 * 1024 * 1024;
/** Longest time for one picture or text; beyond it the process is ended. */
export const ADAPT_MS_MAX = 30_000;
/** Memory for decoding beside what the process starts with, bytes. */
export const ADAPTER_MEMORY_BYTES_MAX = 1024 * 1024 * 1024;

export interface AdaptersOptions extends Omit<AdapterChildOptions, "memoryBytesMax"> {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Memory of the process that it is started from, bytes: half of it is the most it gets. */
  readonly memoryBytes: number;
}

const STOPPED = "the executor stops";

/** One picture or text between its query and its row. */
interface Element {
  readonly number: number;
  readonly work: AdapterWork;
  readonly bytes: Uint8Array;
  /** A process ended while it was one of several at work there: it goes again, alone. */
  isSuspect: boolean;
  resolve(row: Uint8Array): void;
  reject(fault: ServiceError): void;
}

/**
 * Turns pictures and texts into rows of tensors in an adapter process, which is started by the first of them and again after it
 * ended. What it worked on when it ended is tried again one by one: what ends it alone is refused, the others are answered.
 */
export class Adapters implements AdapterPort {
  private readonly waiting: Element[] = [];
  private readonly underway = new Map<number, { readonly element: Element; readonly timer: Timer }>();
  private child: AdapterChild | null = null;
  private isReady = false;
  private stopped = false;
  private bytes = 0;
  private next = 1;
  private killedFor: string | null = null;

  constructor(private readonly o: AdaptersOptions) {}

  async adapt(work: AdapterWork): Promise<Uint8Array> {
    if (this.stopped) throw new ServiceError(Code.UNAVAILABLE, STOPPED);
    const bytes = work.elements.reduce((sum, element) => sum + element.byteLength, 0);
    if (this.bytes + bytes > ADAPTED_WAITING_BYTES_MAX) {
      const sentence = `${this.bytes} bytes of pictures and texts wait here, with these ${bytes} more than ${ADAPTED_WAITING_BYTES_MAX}`;
      throw new ServiceError(Code.RESOURCE_EXHAUSTED, sentence);
    }
    this.bytes += bytes;
    const elements = work.elements.map((element) => this.enter(work, element));
    const give = (fault: ServiceError) => this.giveUp(work, fault);
    const cancelled = () => give(new ServiceError(Code.CANCELLED, "cancelled by the caller"));
    work.signal.addEventListener("abort", cancelled, { once: true });
    const late =
      work.timeoutMs === null ? null : this.o.clock.setTimer(work.timeoutMs, () => give(lateFault(work)));
    this.start();
    this.fill();
    try {
      return Buffer.concat(await Promise.all(elements));
    } catch (fault) {
      // The rest of a query that is refused is not worth its time.
      give(ServiceError.from(fault));
      throw fault;
    } finally {
      this.bytes -= bytes;
      late?.cancel();
      work.signal.removeEventListener("abort", cancelled);
    }
  }

  prepare(): void {
    if (!this.stopped) this.start();
  }

  /** Ends the process, for good; what is under way or waits is refused. */
  stop(): void {
    this.stopped = true;
    this.child?.kill();
  }

  private enter(work: AdapterWork, bytes: Uint8Array): Promise<Uint8Array> {
    const row = new Promise<Uint8Array>((resolve, reject) => {
      this.waiting.push({ number: this.next++, work, bytes, isSuspect: false, resolve, reject });
    });
    row.catch(() => undefined);
    return row;
  }

  /** Refuses what a query still waits for; what the process works on it finishes for nobody. */
  private giveUp(work: AdapterWork, fault: ServiceError): void {
    const left = this.waiting.filter((element) => element.work !== work);
    for (const element of this.waiting) if (element.work === work) element.reject(fault);
    this.waiting.splice(0, this.waiting.length, ...left);
    for (const { element } of this.underway.values()) if (element.work === work) element.reject(fault);
  }

  private start(): void {
    if (this.child !== null) return;
    const { memoryBytes, execArgv } = this.o;
    const memoryBytesMax = Math.min(ADAPTER_MEMORY_BYTES_MAX, Math.floor(memoryBytes / 2));
    const options = execArgv === undefined ? { memoryBytesMax } : { memoryBytesMax, execArgv };
    this.child = new AdapterChild(options, {
      report: (report) => this.received(report),
      end: (how) => this.ended(how),
    });
  }

  /** Sends as much as is turned into tensors at once; a suspect goes alone. */
  private fill(): void {
    while (this.isReady && this.underway.size < ADAPTED_AT_ONCE_MAX) {
      const [element] = this.waiting;
      const isAlone = [...this.underway.values()].some((one) => one.element.isSuspect);
      if (element === undefined || isAlone || (element.isSuspect && this.underway.size > 0)) return;
      this.waiting.shift();
      this.send(element);
    }
  }

  private send(element: Element): void {
    const { number, bytes } = element;
    const { adapter, datatype } = element.work;
    const timer = this.o.clock.setTimer(ADAPT_MS_MAX, () => {
      for (const one of this.underway.values()) one.element.isSuspect = one.element === element;
      this.killedFor = `was ended because it was not done within ${ADAPT_MS_MAX} ms`;
      this.child?.kill();
    });
    this.underway.set(number, { element, timer });
    this.child?.tell({ kind: "adapt", element: number, adapter, datatype, bytes });
  }

  private received(report: AdapterReport): void {
    if (report.kind === "ready") this.isReady = true;
    else {
      const found = this.underway.get(report.element);
      this.underway.delete(report.element);
      found?.timer.cancel();
      if (report.kind === "adapted") found?.element.resolve(report.row);
      else found?.element.reject(new ServiceError(report.code, report.message));
    }
    this.fill();
  }

  private ended(how: string): void {
    const { isReady: wasReady } = this;
    const why = this.killedFor ?? how;
    const left = [...this.underway.values()].map(({ element, timer }) => {
      timer.cancel();
      return element;
    });
    this.child = null;
    this.isReady = false;
    this.killedFor = null;
    this.underway.clear();
    if (this.stopped) {
      this.waiting.unshift(...left);
      this.refuseAll(STOPPED);
      return;
    }
    this.o.logger.warn("an adapter process ended", { why, underway: left.length });
    this.waiting.unshift(...withoutCulprits(left, why));
    if (!wasReady)
      this.refuseAll(`the process that turns pictures and texts into tensors ${how} before it was ready`);
    else if (this.waiting.length > 0) this.start();
  }

  private refuseAll(why: string): void {
    for (const { reject } of this.waiting.splice(0)) reject(new ServiceError(Code.UNAVAILABLE, why));
  }
}

/**
 * Refuses what ended a process, and returns the others: what was alone at work, or what the process was ended for. Where it may
 * have been any of several, all of them are suspects, and go again one by one.
 */
function withoutCulprits(left: readonly Element[], why: string): readonly Element[] {
  const culprits = left.length === 1 ? left : left.filter(({ isSuspect }) => isSuspect);
  for (const culprit of culprits) culprit.reject(endFault(culprit, why));
  const others = left.filter((element) => !culprits.includes(element));
  for (const element of others) element.isSuspect = culprits.length === 0;
  return others;
}

function lateFault({ timeoutMs, elements }: AdapterWork): ServiceError {
  const sentence = `${elements.length} pictures or texts were not turned into tensors within ${timeoutMs} ms`;
  return new ServiceError(Code.DEADLINE_EXCEEDED, sentence);
}

function endFault({ bytes }: Element, why: string): ServiceError {
  const sentence = `a picture or text of ${bytes.byteLength} bytes could not be read: the process that read it ${why}`;
  return new ServiceError(Code.INVALID_ARGUMENT, sentence);
}
