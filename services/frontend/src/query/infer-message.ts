import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema, rawContentsHead } from "@infaas/api";
import { LARGE_CONTENTS_MIN } from "./body";
import type { InferBytes } from "./infer-head";

type Init = Exclude<MessageInitShape<typeof ModelInferRequestSchema>, { $typeName: string }>;

/** Writes a ModelInferRequest whose inputs are all raw: with their contents, or in parts where those are large. */
export function inferMessage(
  init: Omit<Init, "rawInputContents">,
  contents: readonly Uint8Array[],
): InferBytes {
  const bytes = contents.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const written = (rawInputContents: Uint8Array[]) =>
    toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, { ...init, rawInputContents }));
  if (bytes < LARGE_CONTENTS_MIN) return written([...contents]);
  const skeleton = written([]);
  return {
    skeleton,
    parts: [skeleton, ...contents.flatMap((each) => [rawContentsHead(each.byteLength), each])],
  };
}
