import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { CatalogService, InferenceService, type Refusal, RefusalSchema } from "@infaas/api/messages";

/** The frontend that served this page. */
export interface Frontend {
  readonly inference: Client<typeof InferenceService>;
  readonly catalog: Client<typeof CatalogService>;
}

/** Connects to where the page came from; `token` is sent with every call, an empty one is not. */
export function connectFrontend(token: string): Frontend {
  const authorise: Interceptor = (next) => (request) => {
    if (token !== "") request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl: location.origin, interceptors: [authorise] });
  return {
    inference: createClient(InferenceService, transport),
    catalog: createClient(CatalogService, transport),
  };
}

/** A failed call as people read it. */
export interface Failure {
  /** Canonical code in words: `failed precondition`. */
  readonly code: string;
  readonly sentence: string;
  /** What would be accepted; null where the failure is no refusal. */
  readonly refusal: Refusal | null;
  /** A token is missing or unknown. */
  readonly asksForToken: boolean;
  /** This page gave up the call itself. */
  readonly isGivenUp: boolean;
}

/** Reads what a call was rejected with. */
export function failureOf(fault: unknown): Failure {
  const error = ConnectError.from(fault);
  return {
    code: (Code[error.code] ?? "Unknown").replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase(),
    sentence: error.rawMessage,
    refusal: error.findDetails(RefusalSchema)[0] ?? null,
    asksForToken: error.code === Code.Unauthenticated,
    isGivenUp: error.code === Code.Canceled,
  };
}
