import { create } from "@bufbuild/protobuf";
import { TaskSchema, TaskSignatureSchema, TensorSpecSchema } from "../gen/infaas/v1/types_pb";
import { shapeFits, signatureFault } from "./task-signature";

const tensor = (name: string, datatype: string, shape: readonly number[]) => ({
  name,
  datatype,
  shape: shape.map(BigInt),
});
const image = tensor("image", "FP32", [-1, 3, 224, -1]);
const scores = tensor("scores", "FP32", [-1, 10]);
const specs = (list: readonly ReturnType<typeof tensor>[]) =>
  list.map((spec) => create(TensorSpecSchema, spec));
const signature = create(TaskSignatureSchema, {
  inputs: [image],
  outputs: [scores],
});
const task = create(TaskSchema, { name: "what", signature });

type Change = { readonly [K in "inputs" | "outputs"]?: readonly ReturnType<typeof tensor>[] };

function faultOf({ inputs, outputs }: Change): string | null {
  return signatureFault(task, {
    inputs: inputs === undefined ? signature.inputs : specs(inputs),
    outputs: outputs === undefined ? signature.outputs : specs(outputs),
  });
}

describe("signatureFault", () => {
  it.each<[string, Change]>([
    ["the same tensors", {}],
    ["a size of a free axis alone", { inputs: [tensor("image", "FP32", [1, 3, 224, 224])] }],
    ["more than the task promises", { inputs: [tensor("image", "FP32", [-1, 3, -1, -1])] }],
    ["an output more", { outputs: [tensor("features", "FP32", [-1, 512]), scores] }],
    ["an output of any size", { outputs: [tensor("scores", "FP32", [-1, -1])] }],
  ])("takes %s", (_what, change) => {
    expect(faultOf(change)).toBeNull();
  });

  it.each<[string, Change, string]>([
    [
      "another name",
      { inputs: [tensor("x", "FP32", [-1, 3, 224, -1])] },
      "input 'image' is missing, input 'x' is not the task's",
    ],
    [
      "another datatype",
      { inputs: [tensor("image", "UINT8", [-1, 3, 224, -1])] },
      "is UINT8 instead of FP32",
    ],
    [
      "another layout",
      { inputs: [tensor("image", "FP32", [-1, 224, 224, 3])] },
      "is [-1, 224, 224, 3] instead of [-1, 3, 224, -1]",
    ],
    ["another rank", { inputs: [tensor("image", "FP32", [-1, 224])] }, "is [-1, 224] instead of"],
    ["an input more", { inputs: [image, tensor("mask", "BOOL", [-1])] }, "input 'mask' is not the task's"],
    ["an output less", { outputs: [] }, "output 'scores' is missing"],
    [
      "another number of classes",
      { outputs: [tensor("scores", "FP32", [-1, 12])] },
      "is [-1, 12] instead of [-1, 10]",
    ],
  ])("refuses %s", (_what, change, sentence) => {
    expect(faultOf(change)).toContain(sentence);
  });

  it("shows both signatures side by side", () => {
    expect(faultOf({ inputs: [tensor("x", "FP32", [-1, 3, 224, -1])] })).toContain(
      "task 'what' has image FP32 [-1, 3, 224, -1] -> scores FP32 [-1, 10]; the model has x FP32 [-1, 3, 224, -1] -> scores FP32 [-1, 10]",
    );
  });

  it("refuses nothing for a task that has no signature yet", () => {
    expect(signatureFault(create(TaskSchema, { name: "new" }), signature)).toBeNull();
  });
});

describe("signatureFault: inputs that may be left out", () => {
  const scale = { ...tensor("scale", "FP32", [1]), optional: true };
  const fault = (own: readonly object[], offered: readonly object[]) => {
    const signed = create(TaskSignatureSchema, { inputs: [...own], outputs: [scores] });
    return signatureFault(create(TaskSchema, { name: "what", signature: signed }), {
      inputs: offered.map((spec) => create(TensorSpecSchema, spec)),
      outputs: specs([scores]),
    });
  };

  it.each([
    ["nobody of the task sends it", [image], [image, scale]],
    ["the model has no such input", [image, scale], [image]],
    ["all callers send it", [image, { ...scale, optional: false }], [image, scale]],
    ["both have it", [image, scale], [image, scale]],
  ])("fits where %s", (_when, own, offered) => {
    expect(fault(own, offered)).toBeNull();
  });

  it("does not fit where the task's callers may leave out what the model needs", () => {
    const sentence = fault([image, scale], [image, { ...scale, optional: false }]);
    expect(sentence).toContain("input 'scale' can't be left out");
    expect(sentence).toContain("scale FP32 [1] (optional)");
  });

  it("fits any number of axes", () => {
    const any = { ...tensor("image", "FP32", [-1]), anyRank: true };
    expect(fault([image], [any])).toBeNull();
    expect(fault([any], [image])).toBeNull();
  });
});

describe("shapeFits", () => {
  const fits = (spec: readonly bigint[], shape: readonly number[], anyRank = false) =>
    shapeFits({ shape: [...spec], anyRank }, shape);

  it("takes any size on free axes, as many axes, and fixed sizes alone", () => {
    expect(fits([-1n, 3n], [7, 3])).toBe(true);
    expect(fits([-1n, 3n], [7, 4])).toBe(false);
    expect(fits([-1n, 3n], [3])).toBe(false);
    expect(fits([], [])).toBe(true);
  });

  it("takes any number of axes where that is free", () => {
    expect(fits([-1n], [7, 3], true)).toBe(true);
    expect(fits([-1n], [], true)).toBe(true);
  });
});
