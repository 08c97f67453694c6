import {
  type Metadata,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
} from "@grpc/grpc-js";
import { ServiceError } from "../../errors";
import type { CallGuard } from "../../security/call-guard";
import type { Caller } from "../../security/caller";
import { toGrpcStatus } from "../status";

/**
 * Asks the guard as soon as a call's metadata is there, before any of its message is taken in: whoever may not call
 * cannot make us hold his bytes. Admitted callers are noted under the metadata that the handler sees; the token itself
 * goes no further.
 */
export function guardInterceptor(guard: CallGuard, callers: WeakMap<Metadata, Caller>): ServerInterceptor {
  return (method, call) => {
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const authorization = metadata.get("authorization")[0]?.toString();
        const admitted = guard.admit({ path: method.path, authorization, peer: call.getPeer() });
        if (admitted instanceof ServiceError) {
          call.sendStatus(toGrpcStatus(admitted));
          return;
        }
        metadata.remove("authorization");
        callers.set(metadata, admitted);
        next(metadata);
      })
      .build();
    return new ServerInterceptingCall(
      call,
      new ResponderBuilder().withStart((next) => next(listener)).build(),
    );
  };
}
