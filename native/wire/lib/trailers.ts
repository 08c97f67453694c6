/** Trailers, names and values by turns, as the add-on takes them. */
export function joinTrailers(trailers: readonly string[]): string {
  return trailers.length === 0 ? "" : `${trailers.join("\0")}\0`;
}
