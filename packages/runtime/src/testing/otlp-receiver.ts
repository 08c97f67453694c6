import { create, toBinary } from "@bufbuild/protobuf";
import { fileDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import { BinaryReader, base64Encode, WireType } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema, file_google_protobuf_empty } from "@bufbuild/protobuf/wkt";
import { createLogger } from "../process/logger";
import { createRpcServer, type RpcServer } from "../rpc/server/server";

/** A gRPC server that takes what an OpenTelemetry SDK exports, on a real socket. */
export interface OtlpReceiver {
  readonly address: string;
  /** Resolves with the first value that `look` finds in an export, earlier ones included. */
  metrics<T>(look: (request: Uint8Array) => T | null): Promise<T>;
  traces<T>(look: (request: Uint8Array) => T | null): Promise<T>;
  readonly metricExports: number;
  stop(): Promise<void>;
}

/** Returns every value at a path of field numbers; numbers of any wire type are numbers. */
export function fieldsAt(bytes: Uint8Array, path: readonly number[]): (Uint8Array | number)[] {
  const [wanted, ...rest] = path;
  const reader = new BinaryReader(bytes);
  const found: (Uint8Array | number)[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field !== wanted) reader.skip(wireType, field);
    else if (wireType !== WireType.LengthDelimited) found.push(number(reader, wireType));
    else {
      const value = reader.bytes();
      found.push(...(rest.length === 0 ? [value] : fieldsAt(value, rest)));
    }
  }
  return found;
}

/** Returns the texts at a path. */
export function textsAt(bytes: Uint8Array, path: readonly number[]): string[] {
  return fieldsAt(bytes, path).map((value) =>
    typeof value === "number" ? "" : Buffer.from(value).toString(),
  );
}

function number(reader: BinaryReader, wireType: WireType): number {
  if (wireType === WireType.Varint) return Number(reader.int64());
  return wireType === WireType.Bit64 ? reader.double() : reader.float();
}

/** Starts a receiver on any free port. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const server = createRpcServer({ logger: createLogger({ service: "otlp", level: "error" }) });
  const metrics = take(server, "opentelemetry.proto.collector.metrics.v1", "MetricsService");
  const traces = take(server, "opentelemetry.proto.collector.trace.v1", "TraceService");
  const port = await server.listen("127.0.0.1:0");
  return {
    address: `127.0.0.1:${port}`,
    metrics: (look) => metrics.find(look),
    traces: (look) => traces.find(look),
    get metricExports() {
      return metrics.count;
    },
    stop: () => server.stop(500),
  };
}

function take(server: RpcServer, packageName: string, serviceName: string) {
  const empty = ".google.protobuf.Empty";
  const proto = create(FileDescriptorProtoSchema, {
    name: `test/${serviceName}.proto`,
    package: packageName,
    syntax: "proto3",
    dependency: ["google/protobuf/empty.proto"],
    service: [{ name: serviceName, method: [{ name: "Export", inputType: empty, outputType: empty }] }],
  });
  const file = fileDesc(base64Encode(toBinary(FileDescriptorProtoSchema, proto)), [
    file_google_protobuf_empty,
  ]);
  const seen: Uint8Array[] = [];
  const looking = new Set<(request: Uint8Array) => void>();
  server.addRawUnary(serviceDesc(file, 0), "Export", (bytes, call) => {
    const copy = new Uint8Array(bytes);
    seen.push(copy);
    for (const look of looking) look(copy);
    call.answer(new Uint8Array());
  });
  return {
    get count() {
      return seen.length;
    },
    find: <T>(look: (request: Uint8Array) => T | null): Promise<T> =>
      new Promise((resolve) => {
        const tryOne = (request: Uint8Array): void => {
          const value = look(request);
          if (value === null) return;
          looking.delete(tryOne);
          resolve(value);
        };
        looking.add(tryOne);
        for (const request of seen) tryOne(request);
      }),
  };
}
