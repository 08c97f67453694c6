import type { Explanation, QueryResponse, Receipt } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { Tensor } from "./tensor";

/** One answered query: tensors by position, and where time and money went. */
export interface Answer {
  readonly id: string;
  readonly outputs: readonly Tensor[];
  readonly receipt: Receipt;
  /** Present when `explain` was asked for. */
  readonly explanation: Explanation | undefined;
}

/** An answer as the client tells it. INTERNAL for one without a receipt. */
export function answerOf({ id, outputs, rawOutputContents, receipt, explanation }: QueryResponse): Answer {
  if (receipt === undefined)
    throw new ServiceError(Code.INTERNAL, "the answer came without a receipt: this is a bug");
  return {
    id,
    outputs: outputs.map(({ name, datatype, shape }, i) => ({
      name,
      datatype,
      shape: shape.map(Number),
      bytes: rawOutputContents[i] ?? new Uint8Array(0),
    })),
    receipt,
    explanation,
  };
}
