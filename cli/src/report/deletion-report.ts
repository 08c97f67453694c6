import type { DeleteResponse } from "@infaas/api";

/** Returns what is gone, a name a line. */
export function deletionLines({ tasks, architectures, variants }: DeleteResponse): readonly string[] {
  return [
    ...tasks.map((name) => `deleted task ${name}`),
    ...architectures.map((name) => `deleted model ${name}`),
    ...variants.map((name) => `deleted variant ${name}`),
  ];
}
