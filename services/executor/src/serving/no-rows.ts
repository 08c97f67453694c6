import { type DataType, datatypeBytes, elementCount } from "@infaas/api";
import type { Engine, EngineAnswer, EngineQuery } from "../engines/engine-port";

/** The part of an instance that runs queries. */
type Submit = (inputs: readonly Uint8Array[], query: EngineQuery) => Promise<EngineAnswer>;

const NO_BYTES = new Uint8Array();

/**
 * Answers a query of 0 rows with 0 rows of every output. One row of zeros is run, because nothing else tells the shape of a
 * row where axes after the first are free; optional inputs are run as sent.
 */
export async function submitNoRows(
  { inputs }: Pick<Engine, "inputs">,
  submit: Submit,
  sent: readonly Uint8Array[],
  query: EngineQuery,
): Promise<EngineAnswer> {
  const own = inputs.length;
  const dims = query.dims.map((shape, i) => (i < own ? [1, ...shape.slice(1)] : shape));
  const row = inputs.map(({ datatype }, i) => {
    return new Uint8Array(elementCount(dims[i] ?? []) * (datatypeBytes(datatype as DataType) ?? 0));
  });
  const answer = await submit([...row, ...sent.slice(own)], { ...query, rows: 1, dims });
  return {
    ...answer,
    outputs: answer.outputs.map(() => NO_BYTES),
    outputDims: answer.outputDims.map(([, ...rest]) => [0, ...rest]),
    release: () => answer.release(),
  };
}
