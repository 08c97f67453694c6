import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { decodeBytes, ReceiptSchema } from "@infaas/api";
import { type JobInputRow, numbersOf, tensorFromNumbers } from "@infaas/client";
import { Code } from "@infaas/runtime";
import { AnswerFile } from "./answer-file";
import { rowsFromFile } from "./row-file";

const folder = mkdtempSync(join(tmpdir(), "infaas-rows-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(...lines: string[]): Promise<JobInputRow[]> {
  const path = join(folder, "rows.ndjson");
  writeFileSync(path, lines.join("\n"));
  const rows = [];
  for await (const row of rowsFromFile(path)) rows.push(row);
  return rows;
}

describe("rowsFromFile", () => {
  it("reads tensors, texts and pictures beside the file, a row a line", async () => {
    const png = Buffer.from("89504e470d0a1a0a00", "hex");
    writeFileSync(join(folder, "one.png"), png);
    const rows = await read(
      '{"id": 7, "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [[1, 2.5]]}]}',
      "",
      '{"text": "Königreich"}',
      '{"id": "b", "image": "one.png"}',
      "",
    );
    expect(rows.map(({ id, inputs }) => [id, inputs[0]?.name])).toEqual([
      ["7", "x"],
      [undefined, "text"],
      ["b", "image"],
    ]);
    expect(numbersOf(rows[0]!.inputs[0]!)).toEqual([1, 2.5]);
    const texts = [rows[1]!, rows[2]!].map(({ inputs }) => decodeBytes(inputs[0]!.bytes));
    expect(texts.map((text) => text.ok && Buffer.from(text.value[0]!))).toEqual([
      Buffer.from("Königreich"),
      png,
    ]);
  });

  it.each([
    ["no JSON", "{", "line 2 of .* cannot be read: it is no JSON"],
    ["nothing to ask", '{"id": "a"}', "it has none of inputs, text and image"],
    ["two things to ask", '{"text": "a", "image": "b"}', "it has text and image of inputs, text and image"],
    ["a text that is none", '{"text": 5}', "its text is no text"],
    ["a picture that is not there", '{"image": "none.png"}', "there is no such file"],
    ["a picture that is none", '{"image": "rows.ndjson"}', "neither JPEG, nor PNG, nor WebP"],
    ["a tensor that does not fit", '{"inputs": [{"name": "x"}]}', "line 2 .* has no 'datatype'"],
  ])("refuses a line with %s, naming it", async (_, line, message) => {
    await expect(read('{"text": "fine"}', line)).rejects.toThrow(new RegExp(message));
  });
});

describe("AnswerFile", () => {
  it("holds a line a row, and has its name once it is whole", () => {
    const path = join(folder, "answers.ndjson");
    const file = new AnswerFile(path, ["no", "yes"]);
    const outputs = [tensorFromNumbers("y", "FP32", [1, 2], [0.5, 1])];
    const receipt = create(ReceiptSchema, { variant: "v1", executor: "e1", costUsd: 0.25 });
    file.write([{ kind: "answer", answer: { id: "a", outputs, receipt, explanation: undefined } }]);
    file.write([{ kind: "failure", code: Code.INVALID_ARGUMENT, message: "no input 'x'" }]);
    expect(() => readFileSync(path)).toThrow("ENOENT");
    file.finish();
    const told = readFileSync(path, "utf8").trim().split("\n");
    expect(told.map((line) => JSON.parse(line))).toEqual([
      {
        ...{ row: 1, id: "a", variant: "v1", executor: "e1", costUsd: 0.25, label: "yes" },
        outputs: [{ name: "y", datatype: "FP32", shape: [1, 2], data: [0.5, 1] }],
      },
      { row: 2, error: { code: "INVALID_ARGUMENT", message: "no input 'x'" } },
    ]);
  });

  it("refuses a path that cannot be written", () => {
    expect(() => new AnswerFile(join(folder, "none", "answers"), [])).toThrow("--output: ");
  });
});
