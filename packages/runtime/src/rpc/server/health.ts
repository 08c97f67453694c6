import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, ServiceError } from "../../errors";
import type { CallContext, Endpoint, Implementation } from "../service";

/** Numbers of grpc.health.v1.HealthCheckResponse.ServingStatus. */
const Serving = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;
type Serving = (typeof Serving)[keyof typeof Serving];

/** List answers at most this many names; a caller with more asks for each. */
const LIST_MAX = 1_000;

export const healthServiceName = "grpc.health.v1.Health";

/** Health of this process by service name; the empty name is the whole server. */
export interface Health {
  set(serviceName: string, serving: boolean): void;
  /** Forgets a name: it is unknown again. */
  remove(serviceName: string): void;
}

/** The state behind Check, Watch and List of grpc.health.v1.Health. */
export class HealthState implements Health {
  private readonly statuses = new Map<string, Serving>();
  private readonly watchers = new Set<{ name: string; wake: () => void }>();

  set(serviceName: string, serving: boolean): void {
    this.statuses.set(serviceName, serving ? Serving.SERVING : Serving.NOT_SERVING);
    this.wake(serviceName);
  }

  remove(serviceName: string): void {
    this.statuses.delete(serviceName);
    this.wake(serviceName);
  }

  /** Turns every name to NOT_SERVING. */
  setAllNotServing(): void {
    for (const name of [...this.statuses.keys()]) this.set(name, false);
  }

  /**
   * Returns the three methods, with their messages read and written by hand (docs/design/wire.md, section
   * 3.2).
   */
  implementation(): Implementation {
    const endpoint = (
      name: string,
      rest: Pick<Endpoint, "encode" | "handle" | "responseStream">,
    ): Endpoint => ({
      path: `/${healthServiceName}/${name}`,
      requestStream: false,
      decode: readServiceName,
      reason: "",
      ...rest,
    });
    const encodeOne = (value: unknown) => writeStatus(value as Serving);
    return {
      serviceName: healthServiceName,
      endpoints: [
        endpoint("Check", {
          responseStream: false,
          encode: encodeOne,
          handle: async (name) => this.check(name),
        }),
        endpoint("Watch", {
          responseStream: true,
          encode: encodeOne,
          handle: (name, c) => this.watch(name, c),
        }),
        endpoint("List", {
          responseStream: false,
          encode: () => writeStatuses(this.statuses),
          handle: async () => null,
        }),
      ],
    };
  }

  private check(name: string): Serving {
    const status = this.statuses.get(name);
    if (status === undefined) throw new ServiceError(Code.NOT_FOUND, `no service '${name}' is known here`);
    return status;
  }

  private async *watch(name: string, context: CallContext): AsyncGenerator<Serving> {
    let wake = (): void => {};
    const watcher = { name, wake: () => wake() };
    this.watchers.add(watcher);
    context.signal.addEventListener("abort", watcher.wake, { once: true });
    try {
      let last: Serving | null = null;
      while (!context.signal.aborted) {
        const changed = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const now = this.statuses.get(name) ?? Serving.SERVICE_UNKNOWN;
        if (now !== last) yield now;
        last = now;
        if (!context.signal.aborted && (this.statuses.get(name) ?? Serving.SERVICE_UNKNOWN) === last)
          await changed;
      }
    } finally {
      this.watchers.delete(watcher);
    }
  }

  private wake(name: string): void {
    for (const watcher of this.watchers) if (watcher.name === name) watcher.wake();
  }
}

function readServiceName(bytes: Uint8Array): string {
  const reader = new BinaryReader(bytes);
  let name = "";
  try {
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 1) name = reader.string();
      else reader.skip(wireType, field);
    }
  } catch (cause) {
    throw new ServiceError(Code.INVALID_ARGUMENT, "request is not a readable HealthCheckRequest", { cause });
  }
  return name;
}

function writeStatus(status: Serving): Uint8Array {
  return new BinaryWriter().tag(1, WireType.Varint).int32(status).finish();
}

function writeStatuses(statuses: ReadonlyMap<string, Serving>): Uint8Array {
  const writer = new BinaryWriter();
  for (const [name, status] of [...statuses].slice(0, LIST_MAX)) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(name);
    writer.tag(2, WireType.LengthDelimited).bytes(writeStatus(status)).join();
  }
  return writer.finish();
}
