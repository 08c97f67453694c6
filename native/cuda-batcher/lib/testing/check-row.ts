/** One row that is measured with, as the caller gave it. */
export interface GivenRow {
  /** One row of each input; zeros when absent. */
  readonly inputs?: readonly Uint8Array[];
  /** Full dims of each input; needed when the model leaves more than the batch axis open. */
  readonly dims?: readonly (readonly number[])[];
}

/** What is wrong with a row to measure with, as a sentence; undefined when it fits the model's inputs. */
export function rowFault(
  inputs: readonly { readonly name: string; readonly itemBytes: number }[],
  row: GivenRow,
): string | undefined {
  if (row.inputs !== undefined && row.inputs.length !== inputs.length)
    return `${row.inputs.length} inputs came, the model has ${inputs.length}`;
  for (const [i, { name, itemBytes }] of inputs.entries()) {
    const given = row.inputs?.[i]?.byteLength;
    if (given !== undefined && itemBytes >= 0 && given !== itemBytes)
      return `input '${name}' has ${given} bytes, one row needs ${itemBytes}`;
    if (itemBytes < 0 && row.dims === undefined) return `input '${name}' has open dims: say them`;
  }
  return undefined;
}
