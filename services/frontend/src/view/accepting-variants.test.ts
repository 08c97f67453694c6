import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type AdapterSchema,
  ArchitectureSchema,
  TaskSchema,
  type TaskSignature,
  TaskSignatureSchema,
} from "@infaas/api";
import { TASK, wireVariant } from "../testing/house";
import { buildCatalog } from "./catalog";

type Sent = readonly {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}[];
const tensor = (name: string, shape: readonly number[]) => ({
  name,
  datatype: "FP32",
  shape: shape.map(BigInt),
});
const y = tensor("y", [-1]);

function catalogOf(
  inputs: Readonly<Record<string, ReturnType<typeof tensor>[]>>,
  signature?: Pick<Parameters<typeof create<typeof TaskSignatureSchema>>[1] & object, "inputs" | "outputs">,
  adapters: Readonly<Record<string, MessageInitShape<typeof AdapterSchema>>> = {},
) {
  const own: TaskSignature | undefined = signature && create(TaskSignatureSchema, signature);
  return buildCatalog({
    tasks: [create(TaskSchema, { name: TASK, version: 3, ...(own === undefined ? {} : { signature: own }) })],
    architectures: Object.entries(inputs).map(([name, list]) =>
      create(ArchitectureSchema, {
        name,
        task: TASK,
        version: 1,
        batchable: true,
        inputs: list,
        outputs: [y],
        ...(adapters[name] === undefined ? {} : { adapter: adapters[name] }),
      }),
    ),
    variants: Object.keys(inputs).map((name) => ({
      ...wireVariant({ name: `${name}@1` }),
      architecture: name,
    })),
  });
}

function answering(catalog: ReturnType<typeof catalogOf>, sent: Sent): string[] | null {
  const index = catalog.accepting.of(
    TASK,
    sent.map((input) => ({ ...input, contents: false })),
  );
  if (index === null) return null;
  return index.entries.map(({ variant }) => variant.architecture);
}
const sent = (name: string, ...shape: number[]): Sent => [{ name, datatype: "FP32", shape }];

describe("AcceptingVariants", () => {
  it("looks at nothing where all architectures of a task take the same", () => {
    const catalog = catalogOf({ a: [tensor("x", [-1, 4])], b: [tensor("x", [-1, 4])] });
    expect(answering(catalog, sent("z", 9))).toBeNull();
  });

  it("leaves out architectures that do not take this size of a free axis", () => {
    const catalog = catalogOf({ any: [tensor("x", [-1, -1])], short: [tensor("x", [-1, 128])] });
    expect(answering(catalog, sent("x", 1, 300))).toEqual(["any"]);
    expect(answering(catalog, sent("x", 1, 128))).toBeNull();
    expect(answering(catalog, [{ ...sent("x", 1, 128)[0]!, datatype: "FP16" }])).toBeNull();
  });

  it("asks those that have an optional input where it is sent, and all where it is not", () => {
    const scale = { ...tensor("scale", [1]), optional: true };
    const catalog = catalogOf({ plain: [tensor("x", [-1, 4])], scaled: [tensor("x", [-1, 4]), scale] });
    const both = [...sent("x", 2, 4), ...sent("scale", 1)];
    expect(answering(catalog, sent("x", 2, 4))).toBeNull();
    expect(answering(catalog, both)).toEqual(["scaled"]);
    expect(answering(catalog, sent("scale", 1))).toBeNull();
  });

  it("asks those that say nothing of their axes whatever the shape is", () => {
    const any = { ...tensor("x", [-1]), anyRank: true };
    const catalog = catalogOf({ any: [any], flat: [tensor("x", [-1, 4])] });
    expect(answering(catalog, sent("x", 2, 2, 2))).toEqual(["any"]);
  });

  it("asks those that fit the present signature; those it left behind answer in their own terms", () => {
    const inputs = { left: [tensor("x", [-1, 4])], fits: [tensor("image", [-1, 4])] };
    const catalog = catalogOf(inputs, { inputs: [tensor("image", [-1, 4])], outputs: [y] });
    expect(answering(catalog, sent("image", 1, 4))).toEqual(["fits"]);
    expect(answering(catalog, sent("x", 1, 4))).toEqual(["left"]);
    expect(answering(catalog, sent("pixels", 1, 4))).toBeNull();
  });
});

describe("AcceptingVariants, where architectures have adapters", () => {
  const pictures = (width: number) => ({ kind: { case: "image" as const, value: { width, height: 1 } } });
  const picture: Sent = [{ name: "image", datatype: "BYTES", shape: [1] }];
  const catalog = catalogOf(
    { narrow: [tensor("x", [-1, 4])], plain: [tensor("x", [-1, 4])], wide: [tensor("pixels", [-1, 8])] },
    { inputs: [tensor("x", [-1, 4])], outputs: [y] },
    { narrow: pictures(4), wide: pictures(8) },
  );

  it("asks those for pictures, whatever their tensors are", () => {
    expect(answering(catalog, picture)).toEqual(["narrow", "wide"]);
  });

  it("asks those that take the tensor for tensors", () => {
    expect(answering(catalog, sent("x", 1, 4))).toEqual(["narrow", "plain"]);
    expect(answering(catalog, sent("pixels", 1, 8))).toEqual(["wide"]);
  });
});

describe("a task with a signature", () => {
  it("is shown with it and its version, whichever architecture is first by name", () => {
    const catalog = catalogOf({ a: [tensor("x", [1, 4])] }, { inputs: [tensor("x", [-1, 4])], outputs: [y] });
    const found = catalog.find(TASK, "3");
    expect(found).toMatchObject({
      kind: "found",
      model: { version: "3", tensors: { inputs: [tensor("x", [-1, 4])] } },
    });
    expect(catalog.find(TASK, "2")).toMatchObject({ kind: "no-version", available: [3] });
  });
});
