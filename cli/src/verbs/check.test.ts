import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNode, encodeModel } from "@infaas/onnx";
import { fixtureModel } from "@infaas/onnx/testing/dense-models";
import { runCommand } from "../run-command";
import { createTerminal } from "../terminal/terminal";

const zoo = join(__dirname, "..", "..", "..", "zoo", "models");

/** Runs a command line with nothing listening anywhere; its output and status. */
async function run(...words: string[]) {
  const written = { out: "", err: "" };
  const terminal = createTerminal({
    json: words.includes("--json"),
    out: { write: (text) => (written.out += text) },
    err: { write: (text) => (written.err += text) },
  });
  return { status: await runCommand(words, terminal), ...written };
}

describe("infaas check", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "check-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("tells what registration would make of a model", async () => {
    const path = join(zoo, "digits-mlp-s.onnx");
    const { out, status } = await run("check", path);
    expect(status).toBe(0);
    expect(out.replace(path, "digits-mlp-s.onnx")).toMatchSnapshot();
  });

  it("names the operator at which rows meet, and why there is no int8", async () => {
    const nodes = [createNode("Softmax", { inputs: ["x"], outputs: ["y"] }, { axis: 0 })];
    const path = join(folder, "softmax.onnx");
    writeFileSync(
      path,
      encodeModel(fixtureModel({ nodes, constants: [], input: ["N", 4], output: ["N", 4] })),
    );
    const { out, status } = await run("check", path, "--json");
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      bytes: readFileSync(path).length,
      batchable: false,
      unbatchableReason: expect.stringMatching(/^Softmax .*output y depends on it$/),
      precisions: [
        { precision: "fp32", available: true },
        { precision: "int8", available: false, note: expect.stringContaining("no MatMul") },
      ],
    });
  });

  it("refuses what is no ONNX file as registration does", async () => {
    const path = join(folder, "noise.onnx");
    writeFileSync(path, "not a model");
    const { err, status } = await run("check", path);
    expect(status).toBe(2);
    expect(err).toMatch(/^INVALID_ARGUMENT: /);
  });
});
