import { type DescFile, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ServiceError } from "../../errors";
import type { Implementation } from "../service";

/** Which field of the request's oneof was set (docs/design/wire.md, section 3.3). */
const Ask = {
  FILE_BY_NAME: 3,
  FILE_BY_SYMBOL: 4,
  FILE_BY_EXTENSION: 5,
  EXTENSIONS_OF: 6,
  SERVICES: 7,
} as const;

/** Both versions have the same messages; older tools know only the second. */
const versions = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

interface Question {
  readonly raw: Uint8Array;
  readonly host: string;
  readonly ask: number;
  readonly text: string;
}

/**
 * Returns server reflection over `files` and all they import; `serviceNames` returns what the server serves.
 */
export function reflectionOf(
  files: readonly DescFile[],
  serviceNames: () => readonly string[],
): Implementation[] {
  const index = new FileIndex(files);
  return versions.map((serviceName) => ({
    serviceName,
    endpoints: [
      {
        path: `/${serviceName}/ServerReflectionInfo`,
        requestStream: true,
        responseStream: true,
        decode: readQuestion,
        encode: (value) => value as Uint8Array,
        reason: "",
        handle: (questions: AsyncIterable<Question>) => answerAll(questions, index, serviceNames),
      },
    ],
  }));
}

async function* answerAll(
  questions: AsyncIterable<Question>,
  index: FileIndex,
  serviceNames: () => readonly string[],
): AsyncGenerator<Uint8Array> {
  const sent = new Set<string>();
  for await (const question of questions) yield answer(question, index, serviceNames(), sent);
}

/** Finds descriptor files by path and by any symbol they declare. */
class FileIndex {
  private readonly paths = new Map<string, DescFile>();
  private readonly symbols = new Map<string, DescFile>();

  constructor(files: readonly DescFile[]) {
    for (const file of files) this.add(file);
  }

  byPath(path: string): DescFile | undefined {
    return this.paths.get(path);
  }

  /** Also finds the file of a member (a field, a method) through the type that holds it. */
  bySymbol(symbol: string): DescFile | undefined {
    return (
      this.symbols.get(symbol) ?? this.symbols.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf("."))))
    );
  }

  private add(file: DescFile): void {
    const path = pathOf(file);
    if (this.paths.has(path)) return;
    this.paths.set(path, file);
    for (const type of [...file.messages, ...file.enums, ...file.services]) this.index(type, file);
    for (const dependency of file.dependencies) this.add(dependency);
  }

  private index(
    type: DescFile["messages"][number] | DescFile["enums"][number] | DescFile["services"][number],
    file: DescFile,
  ) {
    this.symbols.set(type.typeName, file);
    if (type.kind !== "message") return;
    for (const nested of [...type.nestedMessages, ...type.nestedEnums]) this.index(nested, file);
  }
}

function pathOf(file: DescFile): string {
  return file.proto.name;
}

function answer(
  question: Question,
  index: FileIndex,
  serviceNames: readonly string[],
  sent: Set<string>,
): Uint8Array {
  const writer = new BinaryWriter();
  if (question.host !== "") writer.tag(1, WireType.LengthDelimited).string(question.host);
  writer.tag(2, WireType.LengthDelimited).bytes(question.raw);
  if (question.ask === Ask.SERVICES) return writeServices(writer, serviceNames);
  if (question.ask === Ask.FILE_BY_NAME || question.ask === Ask.FILE_BY_SYMBOL) {
    const byName = question.ask === Ask.FILE_BY_NAME;
    const file = byName ? index.byPath(question.text) : index.bySymbol(question.text);
    if (file !== undefined) return writeFiles(writer, file, sent);
    return writeError(
      writer,
      Code.NOT_FOUND,
      `${byName ? "file" : "symbol"} '${question.text}' is not known here`,
    );
  }
  if (question.ask === Ask.FILE_BY_EXTENSION || question.ask === Ask.EXTENSIONS_OF) {
    return writeError(writer, Code.NOT_FOUND, "there are no extensions here");
  }
  return writeError(writer, Code.INVALID_ARGUMENT, "the request asks for nothing");
}

/** The file asked for, then every import that this stream has not seen. */
function writeFiles(writer: BinaryWriter, file: DescFile, sent: Set<string>): Uint8Array {
  writer.tag(4, WireType.LengthDelimited).fork();
  const visit = (next: DescFile, wanted: boolean): void => {
    if (sent.has(pathOf(next)) && !wanted) return;
    sent.add(pathOf(next));
    writer.tag(1, WireType.LengthDelimited).bytes(toBinary(FileDescriptorProtoSchema, next.proto));
    for (const dependency of next.dependencies) visit(dependency, false);
  };
  visit(file, true);
  return writer.join().finish();
}

function writeServices(writer: BinaryWriter, names: readonly string[]): Uint8Array {
  writer.tag(6, WireType.LengthDelimited).fork();
  for (const name of names) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(name).join();
  }
  return writer.join().finish();
}

function writeError(writer: BinaryWriter, code: Code, message: string): Uint8Array {
  writer.tag(7, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Varint).int32(code);
  return writer.tag(2, WireType.LengthDelimited).string(message).join().finish();
}

function readQuestion(raw: Uint8Array): Question {
  const reader = new BinaryReader(raw);
  let host = "";
  let ask = 0;
  let text = "";
  try {
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === 1) host = reader.string();
      else if (field >= Ask.FILE_BY_NAME && field <= Ask.SERVICES) {
        ask = field;
        if (field === Ask.FILE_BY_EXTENSION) reader.skip(wireType, field);
        else text = reader.string();
      } else reader.skip(wireType, field);
    }
  } catch (cause) {
    throw new ServiceError(Code.INVALID_ARGUMENT, "request is not a readable ServerReflectionRequest", {
      cause,
    });
  }
  return { raw, host, ask, text };
}
