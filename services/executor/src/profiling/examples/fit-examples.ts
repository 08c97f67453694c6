import type { TensorSignature } from "@infaas/onnx";
import { type AxisSizes, axisKey } from "@infaas/onnx";
import { partsOf } from "../onnx/parts-of";
import type { GivenInput } from "../onnx/row-set";
import { type ExampleTensor, faultIn, inputNamed, specText } from "./example-tensor";

/** Examples as registration measures with them. */
export interface FittedExamples {
  /** Values by input; inputs that are missing are drawn. */
  readonly given: ReadonlyMap<string, GivenInput>;
  /** Sizes of free axes that shapes state. */
  readonly sizes: AxisSizes;
}

/** Examples that are used; more are left out. */
const EXAMPLES_MAX = 128;
/** Bytes of one example, all inputs together: each variant records one, and each instance answers it before it serves. */
const EXAMPLE_ROW_BYTES_MAX = 8 * 2 ** 20;

/** A tensor in the axes of its input: `count` of them, each of `shape`, one behind the other. */
interface Fitted {
  readonly input: TensorSignature;
  readonly tensor: ExampleTensor;
  readonly count: number;
  readonly shape: readonly number[];
}

/**
 * Fits tensors to a model's inputs. A tensor with as many axes as its input is one request, or several where a fixed first
 * axis is a multiple of the model's; with an axis less it is one row, with an axis more as many requests as that axis has. Of
 * an input that does not say how many axes it has it is one request.
 * Where rows of requests keep apart, each row is an example.
 * @param rowsApart Whether they do; asked only where it matters.
 * @throws ServiceError INVALID_ARGUMENT naming the input, what came and what is allowed.
 */
export function fitExamples(
  inputs: readonly TensorSignature[],
  tensors: readonly ExampleTensor[],
  rowsApart: () => boolean,
): FittedExamples {
  const fitted = tensors.map((tensor) => fit(inputNamed(inputs, tensor.input, tensor.source), tensor));
  const valued = fitted.filter(({ tensor }) => tensor.bytes !== null);
  expectAlike(
    "examples",
    valued.filter(({ count }) => count !== 1).map((one) => [one, one.count]),
  );
  const isSplit = fitted.some(hasRows) && rowsApart();
  const rowed = isSplit ? valued.filter(({ input }) => input.shape[0] === -1) : [];
  if (isSplit)
    expectAlike(
      "rows",
      rowed.map((one) => [one, one.shape[0] ?? 1]),
    );
  const given = new Map(valued.map((one) => [one.input.name, givenInput(one, rowed.includes(one))] as const));
  expectSmall([...given.values()]);
  const shapeOf = (one: Fitted) => (isSplit && hasRows(one) ? oneRow(one.shape) : one.shape);
  const sizes = fitted.flatMap((one) => axesOf(one, shapeOf(one)));
  return { given, sizes: new Map(sizes) };
}

function hasRows({ input, shape }: Fitted): boolean {
  return input.shape[0] === -1 && (shape[0] ?? 1) > 1;
}

function fit(input: TensorSignature, tensor: ExampleTensor): Fitted {
  const declared = input.shape;
  const { shape, datatype } = tensor;
  if (datatype !== input.datatype) throw unfit(input, tensor);
  if (input.anyRank) return { input, tensor, count: 1, shape };
  const [first = 0, ...rest] = shape;
  if (fits(shape, declared)) return { input, tensor, count: 1, shape };
  if (shape.length === declared.length - 1 && fits([1, ...shape], declared))
    return { input, tensor, count: 1, shape: [1, ...shape] };
  if (first < 1) throw unfit(input, tensor);
  if (fits(rest, declared)) return { input, tensor, count: first, shape: rest };
  const [own = 0] = declared;
  if (own > 0 && first % own === 0 && fits([own, ...rest], declared))
    return { input, tensor, count: first / own, shape: [own, ...rest] };
  throw unfit(input, tensor);
}

function fits(shape: readonly number[], declared: readonly number[]): boolean {
  return (
    shape.length === declared.length && declared.every((size, axis) => size === -1 || size === shape[axis])
  );
}

function unfit(input: TensorSignature, { source, datatype, shape }: ExampleTensor) {
  const ways = "an axis less is one row, an axis more are several examples";
  return faultIn(
    source,
    `input '${input.name}' came as ${datatype} [${shape.join(", ")}], the model takes ${specText(input)}; ${ways}`,
  );
}

function expectAlike(what: string, counts: readonly (readonly [Fitted, number])[]): void {
  const [first, ...others] = counts;
  const other = others.find(([, count]) => count !== first?.[1]);
  if (first === undefined || other === undefined) return;
  const [one, count] = other;
  throw faultIn(
    one.tensor.source,
    `input '${one.input.name}' has ${count} ${what}, input '${first[0].input.name}' has ${first[1]}; all have as many`,
  );
}

function givenInput({ input, tensor, count, shape }: Fitted, isSplit: boolean): GivenInput {
  const rows = isSplit ? (shape[0] ?? 1) : 1;
  const parts = partsOf(input.datatype, tensor.bytes ?? new Uint8Array(), count * rows);
  return { rows: parts.slice(0, EXAMPLES_MAX), shape: isSplit ? oneRow(shape) : shape };
}

function oneRow(shape: readonly number[]): number[] {
  return [1, ...shape.slice(1)];
}

function expectSmall(given: readonly GivenInput[]): void {
  const bytes = given.reduce((sum, { rows }) => sum + Math.max(0, ...rows.map(({ length }) => length)), 0);
  if (bytes > EXAMPLE_ROW_BYTES_MAX)
    throw faultIn("examples", `one example has ${bytes} bytes, at most ${EXAMPLE_ROW_BYTES_MAX} are taken`);
}

function axesOf({ input }: Fitted, shape: readonly number[]): (readonly [string, number])[] {
  return input.shape.flatMap((size, axis) =>
    size === -1 ? [[axisKey(input, axis), shape[axis] ?? 1] as const] : [],
  );
}
