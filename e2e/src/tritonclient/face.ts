/** The two faces of the protocol that the stock client speaks. */
export type Face = "grpc" | "http";

/** What a call was refused with; null: it was answered. */
export type Refused = { readonly status: string; readonly message: string } | null;

/** HTTP statuses of canonical codes; all others are 400. */
const httpStatuses: Readonly<Record<string, string>> = {
  NOT_FOUND: "404",
  UNAVAILABLE: "503",
  UNIMPLEMENTED: "501",
  DEADLINE_EXCEEDED: "504",
};

/** The status by which the client of a face tells of a canonical code. */
export function statusOf(face: Face, code: string): string {
  return face === "grpc" ? `StatusCode.${code}` : (httpStatuses[code] ?? "400");
}

/** Matches a refusal with this code and a message that holds this sentence. */
export function refusedWith(face: Face, code: string, sentence: string): Refused {
  return { status: statusOf(face, code), message: expect.stringContaining(sentence) };
}
