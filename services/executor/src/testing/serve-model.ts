import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema, ModelInferResponseSchema } from "@infaas/api";
import type { Lifecycle } from "@infaas/runtime";
import { nativeEngines } from "../engines/native-engine";
import type { VariantSpec } from "../instances/variant-spec";
import { bareSpec } from "./bare-spec";
import { serveOnLinks, type transports } from "./served-on-links";

type Request = MessageInitShape<typeof ModelInferRequestSchema>;
/** Outputs of an answer. */
export interface Given {
  readonly outputs: readonly (readonly [
    name: string,
    datatype: string,
    shape: number[],
    bytes: Buffer<ArrayBuffer>,
  ])[];
}

/** Serves the file as one model from `folder`, over a link of this kind; returns how to ask it. Rejects with `Refused`. */
export async function serveModel(
  life: Lifecycle,
  o: {
    readonly transport: (typeof transports)[number];
    readonly folder: string;
    readonly file: Uint8Array;
    readonly more: Partial<VariantSpec>;
  },
): Promise<(request: Request) => Promise<Given>> {
  const { transport, folder, file, more } = o;
  const path = join(folder, "model.onnx");
  await writeFile(path, file);
  const { caller } = await serveOnLinks(life, {
    transport,
    engines: nativeEngines,
    modelFile: path,
    spec: { ...bareSpec("model", 8), ...more },
    queueRowsMax: 64,
    queueBytesMax: 1 << 20,
    inFlightMax: 64,
  });
  let id = 0;
  return async (request: Request): Promise<Given> => {
    id += 1;
    const body = toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, request));
    caller.send({ type: "infer", id, timeoutMs: 0, lane: 0, trace: null, variant: "model", body });
    const frame = await caller.answerTo(id);
    if (frame.type === "refusal") throw new Refused(frame.code, frame.message);
    const { outputs, rawOutputContents } = fromBinary(
      ModelInferResponseSchema,
      frame.type === "answer" ? frame.body : new Uint8Array(),
    );
    expect(rawOutputContents).toHaveLength(outputs.length);
    return {
      outputs: outputs.map(({ name, datatype, shape }, i) => {
        return [
          name,
          datatype,
          shape.map(Number),
          Buffer.from(Uint8Array.from(rawOutputContents[i]!).buffer),
        ];
      }),
    };
  };
}

/** What a refusal frame said. */
export class Refused extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}
