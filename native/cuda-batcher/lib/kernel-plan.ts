import { kernelOp, kernelStepLayout as place } from "./kernel-plan-layout";
import type { NativeKernelPlan } from "./native";

/** Where constants lie among those of a plan. */
export interface PlanConstants {
  readonly offset: number;
  readonly count: number;
}

/** One layer over rows of float32. Dense: `[ins, outs]` weights, row-major, and as many of `bias` as there are `outs`. */
export type KernelStep =
  | {
      readonly kind: "dense";
      readonly ins: number;
      readonly outs: number;
      readonly weights: PlanConstants;
      readonly bias: PlanConstants | null;
      readonly relu: boolean;
    }
  | {
      readonly kind: "affine";
      readonly width: number;
      /** One for all elements of a row, or one each; null: they are as they were. */
      readonly factors: PlanConstants | null;
      readonly offsets: PlanConstants | null;
    }
  | { readonly kind: "relu"; readonly width: number };

/** The input or output of a plan: float32, rows along the first axis. */
export interface PlanTensor {
  readonly name: string;
  /** Name of the batch axis; may be empty. */
  readonly batchAxis: string;
  /** Shape of one row. */
  readonly rowDims: readonly number[];
}

/** What the kernel module computes: layers one after the other, from the one input to the one output. */
export interface KernelPlan {
  readonly input: PlanTensor;
  readonly output: PlanTensor;
  readonly steps: readonly KernelStep[];
  readonly constants: Float32Array;
}

/** The plan as the add-on takes it. */
export function nativePlan({ input, output, steps, constants }: KernelPlan): NativeKernelPlan {
  const numbers = new Int32Array(steps.length * place.stride);
  for (const [index, step] of steps.entries()) numbers.set(numbersOf(step), index * place.stride);
  return { input: tensorOf(input), output: tensorOf(output), steps: numbers, constants };
}

function tensorOf({ name, batchAxis, rowDims }: PlanTensor): NativeKernelPlan["input"] {
  return { name, batchAxis, rowDims: Float64Array.from(rowDims) };
}

function numbersOf(step: KernelStep): Int32Array {
  const numbers = new Int32Array(place.stride);
  numbers[place.op] = kernelOp[step.kind];
  numbers[place.ins] = step.kind === "dense" ? step.ins : step.width;
  numbers[place.outs] = step.kind === "dense" ? step.outs : step.width;
  if (step.kind === "relu") return numbers;
  const [weights, bias] = step.kind === "dense" ? [step.weights, step.bias] : [step.factors, step.offsets];
  numbers[place.weights] = weights?.offset ?? 0;
  numbers[place.weightCount] = weights?.count ?? 0;
  numbers[place.bias] = bias?.offset ?? 0;
  numbers[place.biasCount] = bias?.count ?? 0;
  numbers[place.relu] = step.kind === "dense" && step.relu ? 1 : 0;
  return numbers;
}
