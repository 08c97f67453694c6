import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  ArchitectureSchema,
  decodeBytes,
  ListModelsResponseSchema,
  TaskSchema,
  VariantSchema,
} from "@infaas/api";
import { numbersOf } from "@infaas/client";
import { type Arguments, parseVerb } from "./command/verb";
import { givenInput, targetOf, tensorsFor } from "./query-input";
import { query } from "./verbs/query";

const folder = mkdtempSync(join(tmpdir(), "infaas-input-"));
const image = { width: 2, height: 2, channels: 1, layout: "NCHW", scale: 16 / 255 };
const listed = create(ListModelsResponseSchema, {
  tasks: ["digits/uci", "words/cldr", "numbers/raw"].map((name) => create(TaskSchema, { name })),
  architectures: [
    create(ArchitectureSchema, {
      name: "cnn",
      task: "digits/uci",
      aliases: ["best"],
      inputs: [{ name: "image", datatype: "FP32", shape: [-1n, 1n, 2n, 2n] }],
      adapter: { kind: { case: "image", value: image } },
    }),
    create(ArchitectureSchema, { name: "mlp", task: "digits/uci" }),
    create(ArchitectureSchema, {
      name: "lstm",
      task: "words/cldr",
      adapter: { kind: { case: "text", value: { length: 6, alphabet: "abc" } } },
    }),
    create(ArchitectureSchema, { name: "sum", task: "numbers/raw" }),
  ],
  variants: [create(VariantSchema, { name: "cnn.v1.fp32", architecture: "cnn", task: "digits/uci" })],
});

function read(words: readonly string[], target: string) {
  const args: Arguments = parseVerb(query, [...words]);
  return tensorsFor(givenInput(args), targetOf(listed, target));
}

describe("targetOf", () => {
  it.each(["digits/uci", "digits", "cnn", "best", "cnn.v1.fp32"])("finds what '%s' takes", (name) => {
    expect([...targetOf(listed, name).takes]).toEqual(["image"]);
  });

  it("names the known tasks when the target is unknown", () => {
    expect(() => targetOf(listed, "cats")).toThrow("tasks: digits/uci, words/cldr, numbers/raw");
  });
});

describe("givenInput, tensorsFor", () => {
  it("asks a model without inputs with none, and says what another one takes", () => {
    expect(read([], "sum")).toEqual([]);
    expect(() => read([], "cnn")).toThrow(
      "one of --image, --text and --tensor is needed, none was given; it takes --image, image FP32 [-1, 1, 2, 2]",
    );
  });

  it("sends a picture as it is", () => {
    const path = join(folder, "head.png");
    const bytes = Buffer.from("89504e470d0a1a0a00", "hex");
    writeFileSync(path, bytes);
    const [tensor] = read(["--image", path], "digits");
    expect(tensor).toMatchObject({ name: "image", datatype: "BYTES", shape: [1] });
    expect(decodeBytes(tensor!.bytes)).toEqual({ ok: true, value: [new Uint8Array(bytes)] });
  });

  it("sends a text as UTF-8", () => {
    const [tensor] = read(["--text", "Königreich"], "words");
    expect(tensor).toMatchObject({ name: "text", datatype: "BYTES", shape: [1] });
    expect(Buffer.from(tensor!.bytes.subarray(4)).toString()).toBe("Königreich");
  });

  it("reads tensors from a JSON file", () => {
    const path = join(folder, "x.json");
    const inputs = [{ name: "x", datatype: "INT64", shape: [1, 2], data: [[4, 5]] }];
    writeFileSync(path, JSON.stringify({ inputs }));
    expect(numbersOf(read(["--tensor", path], "mlp")[0]!)).toEqual([4, 5]);
  });

  it("names a file that is not there", () => {
    expect(() => read(["--image", join(folder, "none.png")], "cnn")).toThrow("none.png cannot be read");
  });

  it("refuses a file that is no picture by its first bytes", () => {
    const path = join(folder, "picture.gif");
    writeFileSync(path, "GIF89a");
    expect(() => read(["--image", path], "cnn")).toThrow("it is neither JPEG, nor PNG, nor WebP");
  });

  it("refuses two inputs at once", () => {
    expect(() => read(["--text", "a", "--tensor", "b"], "cnn")).toThrow("2 were given");
  });

  it.each([
    ["--text", "a", "digits", "use --image"],
    ["--text", "a", "mlp", "use --tensor"],
    ["--text", "a", "sum", "use --tensor"],
  ])("says what a target takes in place of %s", (option, value, target, use) => {
    expect(() => read([option, value], target)).toThrow(`has no model that takes one; ${use}`);
  });
});
