import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Client } from "@grpc/grpc-js";
import { createLogger } from "../../process/logger";
import { EchoService, echoFile } from "../../testing/echo-service";
import { onEveryTransport } from "../../testing/transports";
import { implementService } from "../service";

const identity = (bytes: Buffer): Buffer => bytes;

onEveryTransport((tested) => {
  /**
   * Asks several questions on one stream, each the number of a field and its text; gives the answers' bytes.
   */
  async function ask(
    version: string,
    questions: readonly (readonly [number, string])[],
  ): Promise<Uint8Array[]> {
    const server = tested.create({ logger: createLogger({ service: "test" }), reflection: [echoFile] });
    server.add(implementService(EchoService, {}));
    const client = new Client(`127.0.0.1:${await server.listen("127.0.0.1:0")}`, tested.dial.credentials);
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const call = client.makeBidiStreamRequest(path, identity, identity);
    const answers: Uint8Array[] = [];
    for (const [field, text] of questions) {
      call.write(Buffer.from(new BinaryWriter().tag(field, WireType.LengthDelimited).string(text).finish()));
    }
    call.end();
    for await (const bytes of call) answers.push(bytes as Buffer);
    client.close();
    await server.stop(500);
    return answers;
  }

  /** The values of field `wanted` of a message, as bytes; a number becomes one byte. */
  function fieldOf(bytes: Uint8Array, wanted: number): Uint8Array[] {
    const reader = new BinaryReader(bytes);
    const found: Uint8Array[] = [];
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field !== wanted) reader.skip(wireType, field);
      else
        found.push(wireType === WireType.LengthDelimited ? reader.bytes() : new Uint8Array([reader.int32()]));
    }
    return found;
  }

  describe.each(["v1", "v1alpha"])("grpc.reflection.%s", (version) => {
    it("lists what is served", async () => {
      const [answer] = await ask(version, [[7, "*"]]);
      const services = fieldOf(fieldOf(answer!, 6)[0]!, 1).map((s) =>
        Buffer.from(fieldOf(s, 1)[0]!).toString(),
      );
      expect(services).toEqual(
        expect.arrayContaining(["test.Echo", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]),
      );
    });

    it("gives the file of a symbol with what it imports, each import once per stream", async () => {
      const answers = await ask(version, [
        [4, "test.Echo"],
        [4, "test.Echo.Say"],
        [3, "google/protobuf/wrappers.proto"],
      ]);
      const files = answers.map((a) =>
        fieldOf(fieldOf(a, 4)[0]!, 1).map((f) => fromBinary(FileDescriptorProtoSchema, f).name),
      );
      expect(files).toEqual([
        ["test/echo.proto", "google/protobuf/wrappers.proto"],
        ["test/echo.proto"],
        ["google/protobuf/wrappers.proto"],
      ]);
    });

    it("answers NOT_FOUND inside the stream, which stays open", async () => {
      const [missing, found] = await ask(version, [
        [4, "test.Nothing"],
        [7, ""],
      ]);
      expect(fieldOf(fieldOf(missing!, 7)[0]!, 1)).toEqual([new Uint8Array([5])]);
      expect(fieldOf(missing!, 2)).toHaveLength(1);
      expect(fieldOf(found!, 6)).toHaveLength(1);
    });
  });
});
