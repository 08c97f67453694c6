import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Code, ServiceError } from "../../errors";
import type { Caller } from "../../security/caller";
import { type Implementation, methodPath } from "../service";

/** The caller that the handler is told of. */
export interface LocalCaller {
  readonly peer: string;
  /** As the guard of the server knows them. */
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/**
 * Calls a unary method of a service of this process by its gRPC handler, without encoding in between: for
 * servers of another protocol. Fails as the handler fails; UNIMPLEMENTED where there is none.
 */
export async function callLocally<I extends DescMessage, O extends DescMessage>(
  { serviceName, endpoints }: Implementation,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  from: LocalCaller,
): Promise<MessageShape<O>> {
  const endpoint = endpoints.find((e) => e.path === methodPath(method));
  if (endpoint === undefined) {
    throw new ServiceError(Code.INTERNAL, `${serviceName} has no method ${method.name}`);
  }
  if (endpoint.handle === null) throw new ServiceError(Code.UNIMPLEMENTED, endpoint.reason);
  const answer = endpoint.handle(create(method.input, request) as never, {
    ...from,
    deadlineMs: null,
    metadata: () => undefined,
    metadataNames: () => [],
    setTrailer: () => undefined,
  });
  return create(method.output, (await answer) as MessageInitShape<O>);
}
