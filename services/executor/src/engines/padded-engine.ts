import { Code, ServiceError } from "@infaas/runtime";
import type { AxisLimit } from "./axis-limits";
import {
  type CoreWaits,
  type Engine,
  type EngineAnswer,
  type EnginePort,
  type EngineQuery,
  type EngineTensor,
  NO_CORE_WAITS,
  NO_RECHECKS,
  type Padding,
  type RecheckFigures,
} from "./engine-port";
import { cutAxis, fillOf, padAxis, paddedSize, paddingFault } from "./padding";

/**
 * Returns engines that pad requests, or `engines` without a padding.
 * @throws ServiceError INVALID_ARGUMENT, from `open`, for a padding that does not fit the model.
 */
export function paddedEngines(engines: EnginePort, padding: Padding | undefined): EnginePort {
  if (padding === undefined) return engines;
  return {
    open: async (options) => {
      const engine = await engines.open(options);
      const fault = paddingFault(padding, engine);
      if (fault === null) return new PaddedEngine(engine, padding);
      await engine.close();
      throw new ServiceError(Code.INVALID_ARGUMENT, fault);
    },
  };
}

/** Returns the port with `EngineOptions.padding` applied. */
export function paddingEngines(engines: EnginePort): EnginePort {
  return { open: (options) => paddedEngines(engines, options.padding).open(options) };
}

/** An input or output by its place among the engine's. */
interface Place {
  readonly index: number;
  readonly axis: number;
}

/**
 * An engine whose requests are padded to a few sizes along one axis, so that requests of different length
 * share batches, and whose answers are cut back. Inputs that belong together are padded together: a request
 * whose inputs disagree on the length, that is longer than the largest size, that sends an optional input, or that is to run
 * alone, is run as it is.
 */
class PaddedEngine implements Engine {
  private readonly padded: readonly (Place & { readonly fill: Uint8Array })[];
  private readonly cut: readonly Place[];

  constructor(
    private readonly engine: Engine,
    private readonly padding: Padding,
  ) {
    this.padded = padding.inputs.map(({ name, axis, value }) => {
      const index = engine.inputs.findIndex((tensor) => tensor.name === name);
      return { index, axis, fill: fillOf(engine.inputs[index]?.datatype ?? "", value) };
    });
    this.cut = padding.outputs.map(({ name, axis }) => {
      return { index: engine.outputs.findIndex((tensor) => tensor.name === name), axis };
    });
  }

  get inputs(): readonly EngineTensor[] {
    return this.engine.inputs;
  }

  get optionalInputs(): readonly EngineTensor[] {
    return this.engine.optionalInputs;
  }

  get outputs(): readonly EngineTensor[] {
    return this.engine.outputs;
  }

  get batchable(): boolean {
    return this.engine.batchable;
  }

  get unbatchedReason(): string | null {
    return this.engine.unbatchedReason;
  }

  get maxBatch(): number {
    return this.engine.maxBatch;
  }

  get queuedRows(): number {
    return this.engine.queuedRows;
  }

  get runningRows(): number {
    return this.engine.runningRows;
  }

  get axisLimits(): readonly AxisLimit[] {
    return this.engine.axisLimits ?? [];
  }

  get rechecks(): RecheckFigures {
    return this.engine.rechecks ?? NO_RECHECKS;
  }

  get coreWaits(): CoreWaits {
    return this.engine.coreWaits ?? NO_CORE_WAITS;
  }

  get unresponsiveMs(): number {
    return this.engine.unresponsiveMs ?? 0;
  }

  async submit(inputs: readonly Uint8Array[], query: EngineQuery): Promise<EngineAnswer> {
    const lengths = new Set(this.padded.map(({ index, axis }) => query.dims[index]?.[axis] ?? 0));
    const [length = 0] = lengths;
    const isPlain = lengths.size === 1 && query.optional === undefined && query.alone !== true;
    const size = isPlain ? paddedSize(length, this.padding.sizes) : null;
    if (size === null) return await this.engine.submit(inputs, query);
    const answer = await this.engine.submit(...this.pad(inputs, query, size));
    return this.cutBack(answer, { length, size });
  }

  async trim(): Promise<void> {
    await this.engine.trim?.();
  }

  setCoreWeight(weight: number): void {
    this.engine.setCoreWeight?.(weight);
  }

  drainTimeMs(): number {
    return this.engine.drainTimeMs();
  }

  drain(): Promise<void> {
    return this.engine.drain();
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  private pad(
    inputs: readonly Uint8Array[],
    query: EngineQuery,
    size: number,
  ): [readonly Uint8Array[], EngineQuery] {
    const bytes = [...inputs];
    const dims = query.dims.map((shape) => [...shape]);
    for (const { index, axis, fill } of this.padded) {
      bytes[index] = padAxis(inputs[index]!, { dims: dims[index]!, axis, size, fill });
      dims[index]![axis] = size;
    }
    return [bytes, { ...query, dims }];
  }

  /** An output whose axis has another size than the padded one is not cut. */
  private cutBack(answer: EngineAnswer, o: { readonly length: number; readonly size: number }): EngineAnswer {
    const outputs = [...answer.outputs];
    const outputDims = answer.outputDims.map((dims) => [...dims]);
    for (const { index, axis } of this.cut) {
      const dims = outputDims[index];
      if (dims === undefined || dims[axis] !== o.size) continue;
      outputs[index] = cutAxis(outputs[index]!, { dims, axis, size: o.length });
      dims[axis] = o.length;
    }
    return { ...answer, outputs, outputDims, release: () => answer.release() };
  }
}
