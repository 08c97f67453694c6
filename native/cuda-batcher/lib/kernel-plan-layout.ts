// The numbers that lib/kernel-plan.ts and src/engines/kernels/plan.h share. The build makes a C++ header of this file.

/** Places of a step's numbers. Constants are told by where they begin among the plan's, and how many they are; none: 0. */
export const kernelStepLayout = {
  /** One of `kernelOp`. */
  op: 0,
  /** Elements of a row before it and after it. */
  ins: 1,
  outs: 2,
  /** Weights of a dense layer, [ins, outs]; factors of the affine one. */
  weights: 3,
  weightCount: 4,
  /** Bias of a dense layer; offsets of the affine one. */
  bias: 5,
  biasCount: 6,
  /** 1: not below 0 afterwards. */
  relu: 7,
  stride: 8,
} as const;

/** What a step computes: decided by the kernel of that name. */
export const kernelOp = { dense: 0, affine: 1, relu: 2 } as const;
