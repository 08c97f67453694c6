import type { Architecture, Precision, Task } from "@infaas/api";
import type { OnnxModel, Signature } from "@infaas/onnx";
import type { RowSet } from "../onnx/row-set";
import type { LabelledRows } from "./accuracy";

/** An architecture that is being profiled, with the rows it is measured with. */
export interface ProfiledArchitecture {
  readonly architecture: Architecture;
  readonly task: Task;
  readonly model: OnnxModel;
  readonly signature: Signature;
  readonly rows: RowSet;
  /** Null when the task has no validation set. */
  readonly validation: LabelledRows | null;
  /** Equal inputs have different answers, so that none can be golden. */
  readonly drawsAnswers: boolean;
}

/** A model that the engine has run once; whether it is batchable is not known yet. */
export interface LoadedModel extends ProfiledArchitecture {
  readonly path: string;
}

/** A model that the engine opens, and of which no input is known that it takes. */
export interface UnprofiledModel {
  readonly architecture: Architecture;
  readonly task: Task;
  readonly path: string;
  /** As in `ProfiledArchitecture`. */
  readonly drawsAnswers: boolean;
  /** What the engine said of the inputs that were tried. */
  readonly unprofiledReason: string;
}

/** One file of an architecture: the registered one, or one derived from it. */
export interface ModelVersionFile {
  readonly path: string;
  readonly precision: Precision;
  readonly fileBytes: number;
  /** Why rows may not share a batch; empty when they may. */
  readonly unbatchableReason: string;
}
