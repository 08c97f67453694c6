import { linkBatchLayout } from "./delivery-layout";
import type { FrameServer } from "./frame-server";
import type { LinkTrace } from "./link-trace";
import { type BatcherHandle, native } from "./native";

/** What the wire calls the element types of a model's inputs and outputs, in the model's order, for example `FP32`. */
export interface LinkDatatypes {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** How large axes may be; a query beyond is left to JavaScript. As `AxisLimits` takes them; default: as they come. */
  readonly axisLimits?: Float64Array;
}

/** One batch that was made of queries of links alone. */
export interface LinkBatch {
  /** How long ago it was done. */
  readonly agoMs: number;
  readonly runMs: number;
  readonly rows: number;
}

/** What links did with a batcher since it was last asked. */
export interface LinkFigures {
  /** Rows answered. */
  readonly servedRows: number;
  /** Queries refused, whatever the reason. */
  readonly refused: number;
  /** In order of time; of very many, the latest 4096. */
  readonly batches: readonly LinkBatch[];
  /** Of very many the first 64; those of one batch stand together. */
  readonly traces: readonly LinkTrace[];
  /** How many came after them. */
  readonly tracesLost: number;
}

/** A batcher's queries that come from links, past JavaScript. They wait and run together with those of `submit`. */
export class LinkService {
  private last: LinkFigures | undefined;
  private isRetired = false;

  constructor(private readonly handle: BatcherHandle) {}

  /** Lets a server's links run `variant` on this batcher, instead of whatever ran it before. */
  serveOn(server: FrameServer, variant: string, datatypes: LinkDatatypes): void {
    const { inputs, outputs, axisLimits = null } = datatypes;
    native().linkServe(server.handle, variant, this.handle, inputs, outputs, axisLimits);
  }

  /** Queries accepted and not answered. */
  get inFlight(): number {
    return native().linkQueries(this.handle);
  }

  /** Time since the last query; Infinity: there was none. */
  get idleMs(): number {
    return native().linkIdleMs(this.handle);
  }

  /** Keeps the last figures, because the add-on's side of the batcher is about to go. */
  retire(): void {
    this.last = this.takeFigures();
    this.isRetired = true;
  }

  /** Whether the batcher was closed, so that what `takeFigures` gives next is the last. */
  get retired(): boolean {
    return this.isRetired;
  }

  /** Figures since the last call; the caller adds them up. */
  takeFigures(): LinkFigures {
    const last = this.last;
    this.last = undefined;
    if (last !== undefined) return last;
    const { batches, ...figures } = native().linkFigures(this.handle);
    const told: LinkBatch[] = [];
    for (let at = 0; at < batches.length; at += linkBatchLayout.stride) {
      told.push({
        agoMs: batches[at + linkBatchLayout.agoMs]!,
        runMs: batches[at + linkBatchLayout.runMs]!,
        rows: batches[at + linkBatchLayout.rows]!,
      });
    }
    return { ...figures, batches: told };
  }
}
