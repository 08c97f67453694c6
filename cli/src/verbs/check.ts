import { readFileSync, statSync } from "node:fs";
import { externalFilesOf } from "@infaas/client";
import { decodeModel, describeModel } from "@infaas/onnx";
import { onlyPositional } from "../command/needs";
import type { Verb } from "../command/verb";
import { mustBeOnnx } from "../files/model-format";
import { type CheckedModel, checkJson, checkLines, checkSchema } from "../report/check-report";

/** `infaas check`: tells what registration would make of a file, from the file alone. */
export const check: Verb = {
  name: "check",
  usage: "FILE.onnx",
  summary: "what registration would make of a model: batching, precisions, inputs; nothing is sent",
  options: {},
  outcome: checkSchema,
  async run(args, terminal) {
    const checked = await checkFile(onlyPositional(args, "ONNX file"));
    terminal.result(checkJson(checked), (screen) => checkLines(checked, screen));
  },
};

/** Reads a file and what lies beside it. @throws ServiceError INVALID_ARGUMENT for what registration would not take. */
async function checkFile(path: string): Promise<CheckedModel> {
  mustBeOnnx(path);
  const external = await externalFilesOf(path);
  const model = describeModel(decodeModel(readFileSync(path)));
  return {
    path,
    bytes: statSync(path).size,
    external: external.map((file) => ({ name: file.name, bytes: statSync(file.path).size })),
    model,
  };
}
