import { encodeJsonData } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { parse } from "csv-parse/sync";
import { type ExampleTensor, faultIn, inputNamed, onlyInput } from "./example-tensor";

/** Words for numbers that are none, as tables write them, by what the protocol's JSON calls them. */
const NOT_FINITE: readonly (readonly [RegExp, string])[] = [
  [/^nan$/i, "NaN"],
  [/^\+?inf(inity)?$/i, "Infinity"],
  [/^-inf(inity)?$/i, "-Infinity"],
];

/**
 * Reads examples in CSV, one row a line below a line of names. Where every column has the name of an input, each is that input
 * (`[rows, 1]`, or `[rows]` where the model's has one axis); else all columns together are the only input, or the one that is
 * named: `[rows, columns]`.
 * @throws ServiceError INVALID_ARGUMENT naming the input, the line and what is allowed.
 */
export function readCsvExamples(
  source: string,
  content: Uint8Array,
  inputs: readonly TensorSignature[],
  named: string,
): ExampleTensor[] {
  const [names = [], ...lines] = linesOf(source, content);
  if (lines.length === 0) throw faultIn(source, "it has no rows below its line of names");
  const isByName = named === "" && names.every((name) => inputs.some((input) => input.name === name));
  if (!isByName) {
    const input = named === "" ? onlyInput(inputs, source) : inputNamed(inputs, named, source);
    return [tensorOf(source, input, lines)];
  }
  return names.map((name, column) =>
    tensorOf(
      source,
      inputNamed(inputs, name, source),
      lines.map((line) => [line[column] ?? ""]),
    ),
  );
}

function linesOf(source: string, content: Uint8Array): string[][] {
  try {
    return parse(Buffer.from(content), { bom: true, skip_empty_lines: true });
  } catch (fault) {
    throw faultIn(source, (fault as Error).message);
  }
}

function tensorOf(source: string, input: TensorSignature, lines: readonly string[][]): ExampleTensor {
  const { name, datatype } = input;
  const columns = lines[0]?.length ?? 0;
  const shape = columns === 1 && input.shape.length === 1 ? [lines.length] : [lines.length, columns];
  const isReal = /^(FP|BF)/.test(datatype);
  const values = lines.flat().map((cell) => cellValue(cell, datatype, isReal));
  const encoded = encodeJsonData(datatype, shape, values);
  if (encoded.ok) return { input: name, datatype, shape, bytes: encoded.value, source };
  const [, element] = /^element (\d+) /.exec(encoded.fault) ?? [];
  const line = element === undefined ? "" : `, line ${Math.floor(Number(element) / columns) + 2}`;
  throw faultIn(source, `input '${name}'${line}: ${encoded.fault}`);
}

/** A cell as the protocol's JSON would have it. */
function cellValue(cell: string, datatype: string, isReal: boolean): unknown {
  const text = cell.trim();
  if (datatype === "BYTES") return cell;
  if (datatype === "BOOL" && /^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (isReal) {
    const odd = NOT_FINITE.find(([pattern]) => pattern.test(text));
    if (odd !== undefined) return odd[1];
  }
  const number = Number(text);
  return text === "" || datatype.endsWith("INT64") || Number.isNaN(number) ? text : number;
}
