import { readNumbers } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { Code, ServiceError, VirtualClock } from "@infaas/runtime";
import type { RowSet } from "./row-set";
import { findWorkingRows, type RowSearch } from "./working-rows";

const ids: TensorSignature = { name: "ids", datatype: "INT64", shape: [-1, -1] };

/** A model that takes rows of one shape whose integers are below a limit, and says so as an engine does. */
const modelOf = (shape: readonly number[], below: number) => async (rows: RowSet, row: number) => {
  if (String(rows.dimsOf(1)[0]) !== String(shape)) throw new ServiceError(Code.INTERNAL, "shapes do not fit");
  const [bytes] = rows.inputsOf([row]);
  const values = [...(readNumbers("INT64", bytes!) as BigInt64Array)];
  if (values.some((value) => value >= below)) throw new ServiceError(Code.INTERNAL, "index is out of range");
  return { outputs: [] };
};

const find = (run: RowSearch["run"]) =>
  findWorkingRows({ inputs: [ids], told: new Map(), run, clock: new VirtualClock() });

describe("findWorkingRows", () => {
  it.each([
    [[1, 64], 1_000],
    [[1, 64], 10],
    [[1, 224], 2],
    [[1, 1], 1],
    [[16, 16], 1],
  ])("finds a shape of [%p] with indices below %d", async (shape, below) => {
    const found = await find(modelOf(shape, below));
    if (found.kind !== "found") throw new Error(found.reason);
    const { rows } = found;
    expect(rows.dimsOf(1)).toEqual([shape]);
    await modelOf(shape, below)(rows, rows.count - 1);
  });

  it.each([[[]], [[1]], [[1, 64]], [[1, 64, 64]]])(
    "finds a shape of %j for an input that does not say how many axes it has",
    async (shape) => {
      const any: TensorSignature = { name: "ids", datatype: "INT64", shape: [], anyRank: true };
      const run = modelOf(shape, 2);
      const found = await findWorkingRows({ inputs: [any], told: new Map(), run, clock: new VirtualClock() });
      expect(found.kind === "found" && found.rows.dimsOf(1)).toEqual([shape]);
    },
  );

  describe("of a model whose integers say how large its answer is", () => {
    /** A megabyte for each. */
    const expanding = (least: number) => async (rows: RowSet, row: number) => {
      const [bytes] = rows.inputsOf([row]);
      const largest = Math.max(...[...(readNumbers("INT64", bytes!) as BigInt64Array)].map(Number));
      if (largest < least) throw new ServiceError(Code.INTERNAL, "too few");
      return { outputs: [new Uint8Array(largest * 1024 ** 2)] };
    };
    const largestOf = async (run: RowSearch["run"]) => {
      const found = await find(run);
      if (found.kind !== "found") throw new Error(found.reason);
      return (await run(found.rows, 0)).outputs[0]!.byteLength / 1024 ** 2;
    };

    it("finds values that make a small one", async () => {
      expect(await largestOf(expanding(0))).toBeLessThanOrEqual(64);
    });

    it("finds values that make a large one where it answers no others", async () => {
      expect(await largestOf(expanding(65))).toBeGreaterThan(64);
    });
  });

  describe("of a model that answers some integers otherwise each time", () => {
    /** From `least` on, what lay in memory. */
    const unsteady = (least: number) => {
      let runs = 0;
      return async (rows: RowSet, row: number) => {
        const [bytes] = rows.inputsOf([row]);
        const largest = Math.max(...[...(readNumbers("INT64", bytes!) as BigInt64Array)].map(Number));
        return { outputs: [Uint8Array.of(largest < least ? 0 : runs++)] };
      };
    };
    const largestOf = async (least: number) => {
      const found = await find(unsteady(least));
      if (found.kind !== "found") throw new Error(found.reason);
      const [bytes] = found.rows.inputsOf([0]);
      return Math.max(...[...(readNumbers("INT64", bytes!) as BigInt64Array)].map(Number));
    };

    it("finds others", async () => {
      expect(await largestOf(5)).toBeLessThan(5);
    });

    it("finds them all the same where it answers none alike", async () => {
      expect(await largestOf(0)).toBeGreaterThan(10);
    });
  });

  it("repeats what the engine said first when nothing can be run", async () => {
    await expect(find(modelOf([0], 0))).resolves.toEqual({
      kind: "none",
      reason: expect.stringMatching(
        /^shapes do not fit; \d+ inputs of other sizes and values were refused too$/,
      ),
    });
  });

  it("tries nothing of a model whose inputs are larger than any that is tried", async () => {
    const large: TensorSignature = { name: "ids", datatype: "INT64", shape: [2 ** 22] };
    const run = modelOf([1], 1);
    await expect(
      findWorkingRows({ inputs: [large], told: new Map(), run, clock: new VirtualClock() }),
    ).resolves.toEqual({ kind: "none", reason: expect.stringContaining("more than 2097152 elements") });
  });

  it("passes on a failure that is not about the input", async () => {
    const closing = async () => {
      throw new ServiceError(Code.UNAVAILABLE, "closing");
    };
    await expect(find(closing)).rejects.toMatchObject({ code: Code.UNAVAILABLE });
  });
});
