import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DemoQuery } from "./demo-load";

/** A task of the zoo as its manifest tells it, as far as its examples go. */
interface ExampleTask {
  readonly name: string;
  readonly input: { readonly name: string; readonly dtype: string; readonly shape: readonly number[] };
  readonly validation: {
    readonly count: number;
    readonly inputs: { readonly file: string };
    readonly labels: { readonly file: string };
  };
}

const BYTES_PER_FLOAT = 4;

/** So many queries of so many rows each, from the held-out examples of a task of the zoo with inputs of FP32. */
export function zooQueries(zoo: string, task: string, count: number, rows: number): readonly DemoQuery[] {
  const manifest = JSON.parse(readFileSync(join(zoo, "manifest.json"), "utf8")) as {
    readonly tasks: readonly ExampleTask[];
  };
  const found = manifest.tasks.find(({ name }) => name === task);
  if (found === undefined) throw new Error(`the zoo has no task '${task}'`);
  const { input, validation } = found;
  const rowBytes = BYTES_PER_FLOAT * input.shape.reduce((product, size) => product * size, 1);
  const inputs = readFileSync(join(zoo, validation.inputs.file));
  const labels = readFileSync(join(zoo, validation.labels.file));
  return Array.from({ length: count }, (_, i) => {
    const first = (i * rows) % (validation.count - rows + 1);
    return {
      input: {
        name: input.name,
        datatype: input.dtype,
        shape: [rows, ...input.shape],
        bytes: inputs.subarray(first * rowBytes, (first + rows) * rowBytes),
      },
      labels: Array.from({ length: rows }, (_, row) =>
        labels.readInt32LE((first + row) * Int32Array.BYTES_PER_ELEMENT),
      ),
    };
  });
}
