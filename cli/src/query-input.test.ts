import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ArchitectureSchema, ListModelsResponseSchema, TaskSchema, VariantSchema } from "@infaas/api";
import { numbersOf } from "@infaas/client";
import sharp from "sharp";
import { type Arguments, parseVerb } from "./command/verb";
import { givenInput, inputsOfTarget, type TargetInputs, tensorsFor } from "./query-input";
import { query } from "./verbs/query";

const folder = mkdtempSync(join(tmpdir(), "infaas-input-"));
const image = { width: 2, height: 2, channels: 1, layout: "NCHW", scale: 16 / 255, offset: 0 };
const text = { length: 6, alphabet: "abc", unknownId: 9 };
const listed = create(ListModelsResponseSchema, {
  tasks: [
    create(TaskSchema, { name: "digits/uci", image }),
    create(TaskSchema, { name: "words/cldr", text }),
  ],
  architectures: [
    create(ArchitectureSchema, {
      name: "cnn",
      task: "digits/uci",
      aliases: ["best"],
      inputs: [{ name: "image", datatype: "FP32", shape: [-1n, 1n, 2n, 2n] }],
    }),
    create(ArchitectureSchema, {
      name: "lstm",
      task: "words/cldr",
      inputs: [{ name: "ids", datatype: "INT64", shape: [-1n, 6n] }],
    }),
  ],
  variants: [create(VariantSchema, { name: "cnn.v1.fp32", architecture: "cnn", task: "digits/uci" })],
});

describe("inputsOfTarget", () => {
  it.each(["digits/uci", "digits", "cnn", "best", "cnn.v1.fp32"])("finds what '%s' takes", (name) => {
    expect(inputsOfTarget(listed, name).inputs[0]?.name).toBe("image");
  });

  it("names the known tasks when the target is unknown", () => {
    expect(() => inputsOfTarget(listed, "cats")).toThrow("tasks: digits/uci, words/cldr");
  });
});

async function readInputs(args: Arguments, target: TargetInputs) {
  return await tensorsFor(await givenInput(args), target);
}

describe("givenInput, tensorsFor", () => {
  it("asks a model without inputs with none, and says what another one takes", async () => {
    const nothing = parseVerb(query, []);
    const cnn = inputsOfTarget(listed, "cnn");
    expect(await readInputs(nothing, { ...cnn, inputs: [] })).toEqual([]);
    await expect(readInputs(nothing, cnn)).rejects.toThrow(
      "one of --image, --text and --tensor is needed, none was given; it takes image FP32 [-1, 1, 2, 2]",
    );
  });

  it("scales a picture to the task's size and range", async () => {
    const path = join(folder, "white.png");
    await sharp({ create: { width: 9, height: 9, channels: 3, background: "#ffffff" } })
      .png()
      .toFile(path);
    const [tensor] = await readInputs(parseVerb(query, ["--image", path]), inputsOfTarget(listed, "cnn"));
    expect(tensor?.shape).toEqual([1, 1, 2, 2]);
    expect(numbersOf(tensor ?? fail())).toEqual([16, 16, 16, 16]);
  });

  it("turns text into ids, unknown characters and padding included", async () => {
    const [tensor] = await readInputs(parseVerb(query, ["--text", "aB?c"]), inputsOfTarget(listed, "words"));
    expect(numbersOf(tensor ?? fail())).toEqual([1, 9, 9, 3, 0, 0]);
  });

  it("reads tensors from a JSON file", async () => {
    const path = join(folder, "x.json");
    writeFileSync(
      path,
      JSON.stringify({ inputs: [{ name: "x", datatype: "INT64", shape: [1, 2], data: [[4, 5]] }] }),
    );
    const [tensor] = await readInputs(parseVerb(query, ["--tensor", path]), inputsOfTarget(listed, "cnn"));
    expect(numbersOf(tensor ?? fail())).toEqual([4, 5]);
  });

  it("names a file that is not there", async () => {
    const args = parseVerb(query, ["--image", join(folder, "none.png")]);
    await expect(readInputs(args, inputsOfTarget(listed, "cnn"))).rejects.toThrow("none.png cannot be read");
  });

  it("refuses a picture that is whole in its head only", async () => {
    const path = join(folder, "torn.png");
    const noise = { type: "gaussian", mean: 99, sigma: 50 } as const;
    const size = { width: 64, height: 64, channels: 3, background: "#123456" } as const;
    const png = await sharp({ create: { ...size, noise } })
      .png()
      .toBuffer();
    writeFileSync(path, png.subarray(0, png.length / 2));
    const args = parseVerb(query, ["--image", path]);
    await expect(readInputs(args, inputsOfTarget(listed, "cnn"))).rejects.toThrow(
      "torn.png cannot be read as a",
    );
  });

  it("refuses two inputs at once", async () => {
    const args = parseVerb(query, ["--text", "a", "--tensor", "b"]);
    await expect(readInputs(args, inputsOfTarget(listed, "cnn"))).rejects.toThrow("2 were given");
  });

  it("says that text does not fit a task of pictures", async () => {
    const args = parseVerb(query, ["--text", "a"]);
    await expect(readInputs(args, inputsOfTarget(listed, "cnn"))).rejects.toThrow("says nothing of a text");
  });
});

function fail(): never {
  throw new Error("no tensor");
}
