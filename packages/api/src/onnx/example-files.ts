import type { ExampleFile } from "../gen/infaas/v1/catalog_pb";

/** Bytes of all example files of one registration. */
export const EXAMPLE_BYTES_MAX = 16 * 2 ** 20;
/** Example files of one registration: one for each input that a model may have. */
export const EXAMPLE_FILES_MAX = 1_024;
/** What a file of examples may be, by its ending. */
export const EXAMPLE_FORMATS = [".npy", ".npz", ".json", ".csv", ".pb"] as const;

export type ExampleFormat = (typeof EXAMPLE_FORMATS)[number];

/** The format of a file of examples by its name; null for a name with another ending. */
export function exampleFormatOf(name: string): ExampleFormat | null {
  return EXAMPLE_FORMATS.find((ending) => name.toLowerCase().endsWith(ending)) ?? null;
}

/** Why these files cannot be the examples of a registration, or null when they can. */
export function exampleFilesFault(files: readonly Pick<ExampleFile, "name" | "content">[]): string | null {
  if (files.length > EXAMPLE_FILES_MAX)
    return `${files.length} files of examples are given, at most ${EXAMPLE_FILES_MAX} are taken`;
  const unknown = files.find(({ name }) => exampleFormatOf(name) === null);
  if (unknown !== undefined)
    return `examples in '${unknown.name}' are not read; a name ends in ${EXAMPLE_FORMATS.join(", ")}`;
  const bytes = files.reduce((sum, { content }) => sum + content.length, 0);
  return bytes <= EXAMPLE_BYTES_MAX
    ? null
    : `examples have ${bytes} bytes, at most ${EXAMPLE_BYTES_MAX} are taken; a few rows are enough`;
}
