import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import { CatalogService, InferenceService, JobService } from "@infaas/api";
import {
  type CallContext,
  Code,
  type Implementation,
  methodPath,
  type RawUnaryCall,
  ServiceError,
} from "@infaas/runtime";

/** A method of infaas.v1, from the bytes of its request to those of its answer. */
export interface ConnectMethod {
  /** `/package.Service/Method`, as on gRPC. */
  readonly path: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
  /** Rejects with the failure; UNIMPLEMENTED for a method that streams. */
  call(request: Buffer, call: CallContext): Promise<Uint8Array>;
}

export interface ConnectParts {
  /** Query, on raw bytes. */
  readonly query: (bytes: Buffer, call: RawUnaryCall) => void;
  /** Services of the frontend; those of infaas.v1 for users are taken. */
  readonly services: readonly Implementation[];
}

/** Methods of infaas.v1.InferenceService, CatalogService and JobService by path. */
export function connectMethods({ query, services }: ConnectParts): ReadonlyMap<string, ConnectMethod> {
  const endpoints = new Map(services.flatMap((s) => s.endpoints).map((e) => [e.path, e]));
  const methods = [InferenceService, CatalogService, JobService].flatMap(
    (service) => [...service.methods] as DescMethod[],
  );
  return new Map(
    methods.map((method) => {
      const path = methodPath(method);
      const call =
        method === InferenceService.method.query ? queryCall(query) : callOf(method, endpoints.get(path));
      return [path, { path, input: method.input, output: method.output, call }];
    }),
  );
}

function callOf(
  method: DescMethod,
  endpoint: Implementation["endpoints"][number] | undefined,
): ConnectMethod["call"] {
  const handle = endpoint?.handle ?? null;
  return async (request, call) => {
    if (method.methodKind !== "unary")
      throw new ServiceError(Code.UNIMPLEMENTED, `${method.name} streams: it is served over gRPC`);
    if (endpoint === undefined || handle === null)
      throw new ServiceError(Code.UNIMPLEMENTED, endpoint?.reason ?? `${method.name} is not served here`);
    return endpoint.encode(await handle(endpoint.decode(request) as never, call));
  };
}

function queryCall(query: ConnectParts["query"]): ConnectMethod["call"] {
  return (request, call) =>
    new Promise((resolve, reject) => {
      const { peer, caller, deadlineMs, signal } = call;
      let cancel = (): void => undefined;
      signal.addEventListener("abort", () => cancel(), { once: true });
      query(request, {
        peer,
        caller,
        deadlineMs,
        metadata: (name) => call.metadata(name),
        metadataNames: () => call.metadataNames(),
        onCancel: (f) => {
          cancel = f;
        },
        answer: (message, trailers = {}) => {
          for (const [name, value] of Object.entries(trailers)) call.setTrailer(name, value);
          resolve(wholeOf(message));
        },
        refuse: (error, trailers = {}) => {
          for (const [name, value] of Object.entries(trailers)) call.setTrailer(name, value);
          reject(error);
        },
      });
    });
}

/** The bytes of an answer; the memory that they lie in may be another's afterwards. */
function wholeOf(message: Parameters<RawUnaryCall["answer"]>[0]): Uint8Array {
  if (message instanceof Uint8Array) return message;
  const bytes = Buffer.allocUnsafe(message.length);
  message.copy(bytes, 0);
  return bytes;
}
