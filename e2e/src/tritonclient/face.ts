/** Servers of the protocol that the stock client calls: gRPC and HTTP. */
export type Face = "grpc" | "http";

/** Refusal of a call; null: it was answered. */
export type Refused = { readonly status: string; readonly message: string } | null;

/** HTTP statuses of canonical codes; all others are 400. */
const httpStatuses: Readonly<Record<string, string>> = {
  NOT_FOUND: "404",
  UNAVAILABLE: "503",
  UNIMPLEMENTED: "501",
  DEADLINE_EXCEEDED: "504",
};

/** Returns the status that the client of a server reports for a canonical code. */
export function statusOf(face: Face, code: string): string {
  return face === "grpc" ? `StatusCode.${code}` : (httpStatuses[code] ?? "400");
}

/** Matches a refusal with this code and a message that holds this sentence. */
export function refusedWith(face: Face, code: string, sentence: string): Refused {
  return { status: statusOf(face, code), message: expect.stringContaining(sentence) };
}
