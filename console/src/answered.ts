import type { QueryResponse } from "@infaas/api/messages";
import type { Failure } from "./frontend";

/** What the last query brought. */
export type Answered =
  | { readonly kind: "none" }
  | { readonly kind: "answer"; readonly response: QueryResponse }
  | { readonly kind: "failure"; readonly failure: Failure };
