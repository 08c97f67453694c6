import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "@infaas/client";
import { root } from "./cluster";

/** One held-out example of the zoo: the tensor and its label. */
export interface Example {
  readonly input: Tensor;
  readonly label: number;
}

const bytesPerElement: Readonly<Record<string, number>> = { FP32: 4, INT64: 8 };

/** Returns row `index` of a task's validation set, modulo its size. */
export function validationRow(task: string, index: number): Example {
  const manifest = JSON.parse(readFileSync(join(root, "zoo", "manifest.json"), "utf8"));
  const entry = manifest.tasks.find((t: { name: string }) => t.name === task);
  const { name, dtype: datatype, shape } = entry.input;
  const bytes = (bytesPerElement[datatype] ?? 1) * shape.reduce((a: number, b: number) => a * b, 1);
  const row = index % entry.validation.count;
  const inputs = readFileSync(join(root, "zoo", entry.validation.inputs.file));
  const labels = readFileSync(join(root, "zoo", entry.validation.labels.file));
  return {
    input: { name, datatype, shape: [1, ...shape], bytes: inputs.subarray(row * bytes, (row + 1) * bytes) },
    label: labels.readInt32LE(row * 4),
  };
}
