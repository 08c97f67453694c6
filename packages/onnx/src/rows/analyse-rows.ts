import type { OnnxModel } from "../file/model-file";
import { readInputs, type TensorSignature } from "../file/signature";
import { isPlain } from "./layout";
import { one, rowCount, type Size, Symbols, sizeOf, sizeText } from "./size";
import { opsetsOf, traceGraph } from "./trace-graph";
import { type Cause, shared, type Traced, withRows } from "./traced";

/** Whether each row of every output depends on that row of the inputs alone, as the graph says, or why that is not proven. */
export type RowAnalysis =
  | { readonly proven: true }
  | {
      readonly proven: false;
      /** One sentence that names the output and the operator. */
      readonly reason: string;
      /** The node at which rows meet; null where an output has no row axis in the first place. */
      readonly cause: Cause | null;
    };

/**
 * Traces rows through a graph: inputs have a row for each element of their first axis, and so must outputs. What is proven
 * holds for every batch size and all values; what is not proven may hold nevertheless. Pure; linear in the number of nodes.
 */
export function analyseRows(model: OnnxModel): RowAnalysis {
  const symbols = new Symbols();
  const inputs = new Map(readInputs(model).map((input) => [input.name, inputRows(input, symbols)]));
  const { graph } = model;
  const outputs = traceGraph(
    graph,
    graph.input.map(({ name = "" }) => inputs.get(name) ?? shared(null)),
    { symbols, functions: model.functions, opsets: opsetsOf(model.opsetImport), depth: 0 },
  );
  for (const [index, output] of outputs.entries()) {
    const fault = outputFault(output);
    if (fault !== null) {
      const name = graph.output[index]?.name ?? "";
      return { proven: false, reason: fault.reason(name), cause: fault.cause };
    }
  }
  return { proven: true };
}

/** A row for each element of the first axis; of every other free axis only that it has one size for all rows. */
function inputRows({ shape, anyRank }: TensorSignature, symbols: Symbols): Traced {
  if (anyRank) return shared(null);
  const sizes = shape.map((size): Size => (size < 0 ? symbols.fresh() : sizeOf(size)));
  if (shape[0] !== -1) return shared(sizes);
  return withRows([rowCount, ...sizes.slice(1)], { axis: 0, outer: one, inner: one });
}

function outputFault(output: Traced): { reason(name: string): string; readonly cause: Cause | null } | null {
  if (output.kind === "tainted") {
    const { cause } = output;
    return { reason: (name) => `${causeText(cause)}, and output ${name} depends on it`, cause };
  }
  if (output.kind !== "rows") {
    const reason = (name: string) => `output ${name} has no row axis: it is the same for all rows of a batch`;
    return { reason, cause: null };
  }
  if (output.rows.axis === 0 && isPlain(output)) return null;
  const shape = output.shape.map(sizeText).join(", ");
  const place = output.rows.axis === 0 ? "several elements of its first axis" : `axis ${output.rows.axis}`;
  return {
    reason: (name) =>
      `output ${name} has its rows on ${place} of [${shape}]; batches are made along first axes`,
    cause: null,
  };
}

/** A sentence on the node at which rows meet. */
export function causeText({ opType, node, why }: Cause): string {
  if (opType === "") return why;
  return node === "" ? `${opType} ${why}` : `${opType} ${why} (node ${node})`;
}
