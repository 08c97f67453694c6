import type { DescService } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream } from "@grpc/grpc-js";
import type { ServiceError } from "../../errors";
import { type DialSecurity, dialPlain } from "../../security/dial-security";
import { asBuffer, fromGrpcError, identity } from "../grpc-js/messages";
import type { GatherMessage, RawStream } from "../raw";
import { SERVER_LIMITS } from "../server-limits";
import { findMethod, methodPath } from "../service";
import { metadataFrom } from "./client";

export interface RawBidiOptions {
  readonly receiveWindowBytes?: number;
  readonly metadata?: Record<string, string>;
  /** Default: in the clear, without a token. */
  readonly dial?: DialSecurity;
}

/** The client's end of a raw stream; `closed` resolves once its connection is given up. */
export type OpenRawStream = RawStream & { readonly closed: Promise<void> };

/** Opens a stream of undecoded messages on a connection of its own, so that no other stream delays it. */
export function openRawBidi(
  address: string,
  service: DescService,
  method: string,
  o: RawBidiOptions = {},
): OpenRawStream {
  const dial = o.dial ?? dialPlain;
  const client = new Client(address, dial.credentials, {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": SERVER_LIMITS.messageMaxBytes,
    "grpc.max_send_message_length": SERVER_LIMITS.messageMaxBytes,
    "grpc-node.flow_control_window": o.receiveWindowBytes ?? SERVER_LIMITS.receiveWindowBytes,
    "grpc.enable_channelz": 0,
  });
  const path = methodPath(findMethod(service, method));
  const call = client.makeBidiStreamRequest(path, identity, identity, metadataFrom(o.metadata, dial));
  return new OpenedRawStream(client, call);
}

class OpenedRawStream implements OpenRawStream {
  readonly closed: Promise<void>;
  private readonly call: ClientDuplexStream<Buffer, Buffer>;
  private readonly ended: Promise<ServiceError | null>;
  private reason: ServiceError | null = null;

  constructor(client: Client, call: ClientDuplexStream<Buffer, Buffer>) {
    this.call = call;
    this.ended = new Promise((resolve) => {
      call.on("error", (e) => resolve(this.reason ?? fromGrpcError(e)));
      call.on("status", (status) =>
        resolve(status.code === 0 ? null : (this.reason ?? fromGrpcError(status))),
      );
    });
    this.closed = this.ended.then(() => client.close());
  }

  write(bytes: Uint8Array | GatherMessage): boolean {
    if (this.call.writableEnded || this.call.destroyed) return false;
    return this.call.write(asBuffer(bytes));
  }

  onData(f: (bytes: Buffer) => void): void {
    this.call.on("data", f);
  }

  onDrain(f: () => void): void {
    this.call.on("drain", f);
  }

  pause(): void {
    this.call.pause();
  }

  resume(): void {
    this.call.resume();
  }

  onEnd(f: (error: ServiceError | null) => void): void {
    void this.ended.then(f);
  }

  onBreak(f: (error: ServiceError) => void): void {
    void this.ended.then((error) => {
      if (error !== null) f(error);
    });
  }

  end(): void {
    this.call.end();
  }

  /** The peer sees a cancelled call; `onEnd` here tells the reason. */
  destroy(reason: ServiceError): void {
    this.reason ??= reason;
    this.call.cancel();
  }
}
