import type { LinkDatatypes } from "../link-service";
import type { ModelHandle, NativeModel } from "../native";
import { NativeError } from "../native-error";
import { batcherOptions, modelOptions, type OpenOptions } from "../open-options";
import { type Feeding, type FeedLoad, feed } from "./feed";
import { type MeasureLoad, type Measurement, measureModel } from "./measure";
import { testing } from "./native";

/** A model without a batcher, for what is measured and tested by itself. Invalid after `close`. */
export class LoadedModel {
  private constructor(
    private readonly handle: ModelHandle,
    private readonly described: NativeModel,
    private readonly options: OpenOptions,
  ) {}

  /** Rejects with NativeError: INVALID for bad options, ENGINE when it can't be loaded. */
  static async open(options: OpenOptions): Promise<LoadedModel> {
    const checked = modelOptions(options);
    const handle = await testing()
      .load(checked)
      .catch((error: Error) => {
        throw new NativeError("ENGINE", error.message);
      });
    return new LoadedModel(handle, testing().describe(handle), options);
  }

  /** Runs it back to back, without a queue. */
  measure(load: MeasureLoad): Promise<Measurement> {
    return measureModel(this.handle, this.described, load);
  }

  /** Feeds a batcher of its own, opened with these options, from a native thread. */
  feed(load: FeedLoad): Promise<Feeding> {
    return feed(this.handle, this.described, batcherOptions(this.options, this.described.batchable), load);
  }

  /**
   * What links would run of ModelInferRequest bytes: how many rows, and which outputs as indexes into the model's; null
   * when they would leave it to JavaScript.
   */
  judge(
    request: Uint8Array,
    datatypes: LinkDatatypes,
  ): { readonly rows: number; readonly outputs: readonly number[] } | null {
    return testing().judge(this.handle, request, datatypes);
  }

  close(): void {
    testing().unload(this.handle);
  }
}

/** Measures a model that is loaded for this call only. Rejects with NativeError. */
export async function measure(
  path: string,
  load: MeasureLoad & { readonly intraOpThreads: number },
): Promise<Measurement> {
  const { intraOpThreads, instances = 1 } = load;
  const model = await LoadedModel.open({ path, intraOpThreads, instances, maxBatch: load.batch });
  try {
    return await model.measure(load);
  } finally {
    model.close();
  }
}
