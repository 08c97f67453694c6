import { create, type DescFile, toBinary } from "@bufbuild/protobuf";
import { fileDesc, type GenService, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import { base64Encode } from "@bufbuild/protobuf/wire";
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  type StringValueSchema,
} from "@bufbuild/protobuf/wkt";

const text = ".google.protobuf.StringValue";

/**
 * A file with one service that has a method of every kind; all its messages are google.protobuf.StringValue.
 */
export const echoFile: DescFile = fileDesc(
  base64Encode(
    toBinary(
      FileDescriptorProtoSchema,
      create(FileDescriptorProtoSchema, {
        name: "test/echo.proto",
        package: "test",
        syntax: "proto3",
        dependency: ["google/protobuf/wrappers.proto"],
        service: [
          {
            name: "Echo",
            method: [
              { name: "Say", inputType: text, outputType: text },
              { name: "Repeat", inputType: text, outputType: text, serverStreaming: true },
              { name: "Join", inputType: text, outputType: text, clientStreaming: true },
              {
                name: "Chat",
                inputType: text,
                outputType: text,
                clientStreaming: true,
                serverStreaming: true,
              },
            ],
          },
        ],
      }),
    ),
  ),
  [file_google_protobuf_wrappers],
);

type Text = { input: typeof StringValueSchema; output: typeof StringValueSchema };

/** `test.Echo`: say (unary), repeat (server stream), join (client stream), chat (bidirectional). */
export const EchoService = serviceDesc(echoFile, 0) as GenService<{
  say: Text & { methodKind: "unary" };
  repeat: Text & { methodKind: "server_streaming" };
  join: Text & { methodKind: "client_streaming" };
  chat: Text & { methodKind: "bidi_streaming" };
}>;
