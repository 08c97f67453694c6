import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type DescMessage, fromJson, type JsonValue, type MessageShape } from "@bufbuild/protobuf";
import { QueryResponseSchema } from "@infaas/api";
import type { Answer } from "@infaas/client";

/** Returns an answer that a real system gave, of `recorded/NAME.json` in protobuf's JSON. */
export function recorded<Desc extends DescMessage>(name: string, schema: Desc): MessageShape<Desc> {
  const text = readFileSync(join(__dirname, "recorded", `${name}.json`), "utf8");
  return fromJson(schema, JSON.parse(text) as JsonValue);
}

/** Returns an answered query of a real system. */
export function recordedAnswer(name: string): Answer {
  const { id, outputs, rawOutputContents, receipt, explanation } = recorded(name, QueryResponseSchema);
  if (receipt === undefined) throw new Error(`${name} has no receipt`);
  return {
    id,
    outputs: outputs.map((output, i) => ({
      name: output.name,
      datatype: output.datatype,
      shape: output.shape.map(Number),
      bytes: rawOutputContents[i] ?? new Uint8Array(0),
    })),
    receipt,
    explanation,
  };
}
