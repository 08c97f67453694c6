import { readFileSync } from "node:fs";

/**
 * Returns the oldest C and C++ libraries that all these ELF files run with, as a sentence: the newest symbol version that any of
 * them names.
 */
export function glibcFloor(paths) {
  const text = paths.map((path) => readFileSync(path, "latin1")).join("\0");
  const newest = (family) =>
    [...text.matchAll(new RegExp(`\\b${family}_(\\d+(?:\\.\\d+)+)\\0`, "g"))]
      .map(([, version]) => version)
      .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
      .at(-1);
  return `glibc ${newest("GLIBC")} and libstdc++ of GLIBCXX_${newest("GLIBCXX")}`;
}
