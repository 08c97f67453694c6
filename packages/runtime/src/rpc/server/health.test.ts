import { create, toBinary } from "@bufbuild/protobuf";
import { fileDesc, type GenService, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import { base64Encode } from "@bufbuild/protobuf/wire";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  type Int32ValueSchema,
  type StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, ServiceError } from "../../errors";
import { createLogger } from "../../process/logger";
import { onEveryTransport } from "../../testing/transports";
import { createRpcClient } from "../client/client";
import type { RpcServer } from "./server";

/**
 * HealthCheckRequest has the shape of a StringValue, HealthCheckResponse that of an Int32Value: field 1 of
 * each.
 */
const text = ".google.protobuf.StringValue";
const number = ".google.protobuf.Int32Value";
const file = fileDesc(
  base64Encode(
    toBinary(
      FileDescriptorProtoSchema,
      create(FileDescriptorProtoSchema, {
        name: "test/health.proto",
        package: "grpc.health.v1",
        syntax: "proto3",
        dependency: ["google/protobuf/wrappers.proto"],
        messageType: [
          {
            name: "Entry",
            field: [
              field("service", 1, FieldDescriptorProto_Type.STRING),
              { ...field("status", 2, FieldDescriptorProto_Type.MESSAGE), typeName: number },
            ],
          },
          {
            name: "ListResponse",
            field: [
              {
                ...field("entries", 1, FieldDescriptorProto_Type.MESSAGE),
                typeName: ".grpc.health.v1.Entry",
                label: FieldDescriptorProto_Label.REPEATED,
              },
            ],
          },
        ],
        service: [
          {
            name: "Health",
            method: [
              { name: "Check", inputType: text, outputType: number },
              { name: "Watch", inputType: text, outputType: number, serverStreaming: true },
              { name: "List", inputType: text, outputType: ".grpc.health.v1.ListResponse" },
            ],
          },
        ],
      }),
    ),
  ),
  [file_google_protobuf_wrappers],
);
type Ask = { input: typeof StringValueSchema; output: typeof Int32ValueSchema };
const HealthService = serviceDesc(file, 0) as GenService<{
  check: Ask & { methodKind: "unary" };
  watch: Ask & { methodKind: "server_streaming" };
  list: Ask & { methodKind: "unary" };
}>;

function field(name: string, number_: number, type: FieldDescriptorProto_Type) {
  return { name, number: number_, type, label: FieldDescriptorProto_Label.OPTIONAL };
}

onEveryTransport((tested) => {
  async function withHealth(
    use: (o: {
      server: RpcServer;
      client: ReturnType<typeof createRpcClient<typeof HealthService>>;
    }) => Promise<void>,
  ): Promise<void> {
    const server = tested.create({ logger: createLogger({ service: "test" }) });
    const client = createRpcClient(HealthService, `127.0.0.1:${await server.listen("127.0.0.1:0")}`, {
      dial: tested.dial,
    });
    try {
      await use({ server, client });
    } finally {
      client.close();
      await server.stop(500);
    }
  }

  describe("grpc.health.v1.Health", () => {
    it("says of the whole server that it serves once it listens, and NOT_FOUND of what it does not know", async () => {
      await withHealth(async ({ server, client }) => {
        expect((await client.check({ value: "" })).value).toBe(1);
        server.health.set("digit-classification", false);
        expect((await client.check({ value: "digit-classification" })).value).toBe(2);
        const error = await client.check({ value: "x" }).catch((e: unknown) => e);
        expect(error).toBeInstanceOf(ServiceError);
        expect((error as ServiceError).code).toBe(Code.NOT_FOUND);
      });
    });

    it("tells a watcher each change, beginning with SERVICE_UNKNOWN", async () => {
      await withHealth(async ({ server, client }) => {
        const seen: number[] = [];
        const steps = [
          () => server.health.set("task", true),
          () => server.health.set("task", false),
          () => server.health.remove("task"),
        ];
        for await (const { value } of client.watch({ value: "task" })) {
          seen.push(value);
          const step = steps.shift();
          if (step === undefined) break;
          step();
        }
        expect(seen).toEqual([3, 1, 2, 3]);
      });
    });

    it("lists every name", async () => {
      await withHealth(async ({ server, client }) => {
        server.health.set("a", true);
        const list = (await client.list({})) as unknown as {
          entries: { service: string; status?: number }[];
        };
        expect(list.entries.map((e) => [e.service, e.status])).toEqual([
          ["", 1],
          ["a", 1],
        ]);
      });
    });
  });
});
