import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  encodeBytes,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
} from "@infaas/api";
import { numbersOf } from "@infaas/client";
import { Code } from "@infaas/runtime";
import sharp from "sharp";
import { Cluster, infaas, root } from "./cluster";
import { elementTypes, tensor } from "./onnx-file";
import { validationRow } from "./validation";

jest.setTimeout(120_000);

const zooTask = "digit-classification/uci-digits";
const task = "digit-classification/pictures";
const SIDE = 64;
const EXAMPLES = 60;
const { FP32: FLOAT } = elementTypes;

/** A held-out digit of the zoo as a picture of 64 x 64 grey pixels. */
function pictureOf(row: number) {
  const { input, label } = validationRow(zooTask, row);
  const pixels = Uint8Array.from(numbersOf(input), (value) => Math.round((value * 255) / 16));
  const picture = sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } }).resize(SIDE, SIDE, {
    kernel: "nearest",
  });
  return { picture, label };
}

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];
const LUMA = [0.299, 0.587, 0.114];

/**
 * The zoo's convolutional network behind a pooling layer and a convolution of one pixel, which takes colours as models of
 * photographs do: `pixel_values` of [N, 3, side, side] by the mean and deviation of ImageNet.
 */
function colourModel(side: number): Uint8Array {
  const model = fromBinary(ModelProtoSchema, readFileSync(join(root, "zoo/models/digits-cnn-s.onnx")));
  const graph = model.graph ?? create(GraphProtoSchema);
  const pool = side / 8;
  const ints = (name: string, values: number[]) => ({ name, type: 7, ints: values.map(BigInt) });
  const floats = (name: string, dims: number[], values: number[]) =>
    create(TensorProtoSchema, { name, dims: dims.map(BigInt), dataType: FLOAT, floatData: values });
  const attribute = [ints("kernel_shape", [pool, pool]), ints("strides", [pool, pool])];
  graph.node.unshift(
    create(NodeProtoSchema, {
      opType: "AveragePool",
      input: ["pixel_values"],
      output: ["pooled"],
      attribute,
    }),
    create(NodeProtoSchema, { opType: "Conv", input: ["pooled", "grey_w", "grey_b"], output: ["image"] }),
  );
  const weights = LUMA.map((share, c) => 16 * share * (STD[c] ?? 1));
  const bias = LUMA.reduce((sum, share, c) => sum + 16 * share * (MEAN[c] ?? 0), 0);
  graph.initializer.push(floats("grey_w", [1, 3, 1, 1], weights), floats("grey_b", [1], [bias]));
  const shape = create(GraphProtoSchema, { input: [tensor("pixel_values", FLOAT, ["N", 3, side, side])] });
  graph.input.splice(0, graph.input.length, ...shape.input);
  return toBinary(ModelProtoSchema, model);
}

/** Pictures and texts through a whole system: decoded by the executor, by each architecture's own adapter. */
describe("pictures", () => {
  let cluster: Cluster;
  let seven: Buffer;
  const folder = mkdtempSync(join(tmpdir(), "infaas-pictures-"));
  const image = (...pictures: readonly Uint8Array[]) => [
    { name: "image", datatype: "BYTES", shape: [pictures.length], bytes: encodeBytes(pictures) },
  ];

  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "none" });
    seven = readFileSync(join(root, "zoo/examples/seven.png"));
    const examples = Array.from({ length: EXAMPLES }, (_, row) => pictureOf(row));
    const pngs = await Promise.all(examples.map(({ picture }) => picture.clone().png().toBuffer()));
    writeFileSync(join(folder, "pictures"), encodeBytes(pngs));
    writeFileSync(
      join(folder, "labels"),
      Buffer.from(Int32Array.from(examples, ({ label }) => label).buffer),
    );
    const [inputsDigest, labelsDigest] = [
      await cluster.client.upload(join(folder, "pictures")),
      await cluster.client.upload(join(folder, "labels")),
    ];
    await cluster.client.putTask({
      name: task,
      metric: "accuracy",
      labels: Array.from({ length: 10 }, (_, digit) => String(digit)),
      validation: { dataset: "pictures", inputsDigest, labelsDigest, count: EXAMPLES, adapted: true },
    });
  });
  afterAll(async () => {
    await cluster?.stop();
    rmSync(folder, { recursive: true });
  });

  const register = async (path: string, ...words: string[]) => {
    const { status, stdout, stderr } = await infaas(
      cluster,
      "register",
      path,
      "--task",
      task,
      "--json",
      ...words,
    );
    expect([status, stderr]).toEqual([0, expect.any(String)]);
    const { variants } = JSON.parse(stdout) as { variants: { accuracy: { value: number } }[] };
    return Math.min(...variants.map(({ accuracy }) => accuracy.value));
  };

  it("serve one task by architectures of different input, whose accuracy is measured on pictures", async () => {
    const grey = { image: { width: 8, height: 8, channels: 1, layout: "NCHW", scale: 16 / 255 } };
    writeFileSync(join(folder, "grey.json"), JSON.stringify(grey));
    const model = join(root, "zoo/models/digits-mlp-s.onnx");
    expect(await register(model, "--name", "grey-8", "--adapter", join(folder, "grey.json"))).toBeGreaterThan(
      0.8,
    );
    for (const side of [16, 24]) {
      const at = join(folder, `colour-${side}`);
      mkdirSync(at);
      writeFileSync(join(at, "model.onnx"), colourModel(side));
      // As transformers writes it beside a model.
      const size = { height: side, width: side };
      const config = { image_processor_type: "ViTImageProcessor", do_resize: true, size, resample: 3 };
      const values = { do_rescale: true, do_normalize: true, image_mean: MEAN, image_std: STD };
      writeFileSync(join(at, "preprocessor_config.json"), JSON.stringify({ ...config, ...values }));
      expect(await register(join(at, "model.onnx"), "--name", `colour-${side}`)).toBeGreaterThan(0.8);
    }
    for (const target of ["grey-8", "colour-16", "colour-24"]) {
      const { outputs, receipt } = await cluster.client.query(target, image(seven));
      const scores = numbersOf(outputs[0]!);
      expect([target, receipt.architecture, scores.indexOf(Math.max(...scores))]).toEqual([
        target,
        target,
        7,
      ]);
      expect(receipt.adaptMs).toBeGreaterThan(0);
      expect(receipt.adaptMs + receipt.computeMs).toBeLessThan(receipt.totalMs);
    }
  });

  it("share a query in rows, and a task with tensors of each architecture's own", async () => {
    const { picture, label } = pictureOf(3);
    const { outputs } = await cluster.client.query(task, image(seven, await picture.jpeg().toBuffer()));
    const scores = numbersOf(outputs[0]!);
    const best = [scores.slice(0, 10), scores.slice(10)].map((row) => row.indexOf(Math.max(...row)));
    expect(best).toEqual([7, label]);
    const row = validationRow(zooTask, 0).input;
    const byTensor = await cluster.client.query(task, [row]);
    expect(byTensor.receipt).toMatchObject({ architecture: "grey-8", adaptMs: 0 });
    const bytes = new Uint8Array(3 * 16 * 16 * 4);
    const own = { name: "pixel_values", datatype: "FP32", shape: [1, 3, 16, 16], bytes };
    expect((await cluster.client.query(task, [own])).receipt.architecture).toBe("colour-16");
  });

  it("come over HTTP as a body and as a form, and are answered with labels where they are asked for", async () => {
    const url = `http://${cluster.httpAddress}/v2/models/${encodeURIComponent(task)}/infer`;
    const headers = { "content-type": "image/png" };
    const form = new FormData();
    form.append("image", new Blob([new Uint8Array(seven)]), "seven.png");
    form.append("classification", "1");
    form.append("slo_min_accuracy", "0.5");
    const label = ["7"];
    const bodies = [
      await fetch(`${url}?classification=1`, { method: "POST", headers, body: new Uint8Array(seven) }),
      await fetch(url, { method: "POST", body: form }),
    ];
    for (const answer of bodies) {
      const { outputs, parameters } = (await answer.json()) as {
        outputs: { datatype: string; shape: number[]; data: string[] }[];
        parameters: Record<string, number>;
      };
      expect(outputs[0]).toMatchObject({ datatype: "BYTES", shape: [1, 1] });
      expect(outputs[0]?.data.map((text) => text.split(":")[2])).toEqual(label);
      expect(parameters.adapt_ms).toBeGreaterThan(0);
    }
    const config = await fetch(url.replace("/infer", "/config"));
    expect(await config.json()).toMatchObject({
      parameters: { adapter: { string_value: "image BYTES [-1]: JPEG, PNG or WebP" } },
    });
    const text = new FormData();
    text.append("text", "seven");
    const refused = await fetch(url, { method: "POST", body: text });
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining("takes no text; it takes image"),
    ]);
  });

  it("that cannot be read are refused with what came and what is taken", async () => {
    const bomb = Buffer.from(seven);
    bomb.writeUInt32BE(50_000, 16);
    bomb.writeUInt32BE(50_000, 20);
    const cases: readonly (readonly [readonly Uint8Array[], string])[] = [
      [[Buffer.from("no picture")], "10 bytes that begin with 6e6f207069637475 cannot be read as a picture"],
      [[bomb], "50000"],
      [new Array(65).fill(seven), "65 were sent, allowed are 1 to 64"],
    ];
    for (const [pictures, sentence] of cases) {
      const fault = await cluster.client.query("grey-8", image(...pictures)).catch((refusal) => refusal);
      expect([fault.code, fault.message]).toEqual([Code.INVALID_ARGUMENT, expect.stringContaining(sentence)]);
    }
    const shape = [{ ...image(seven, seven)[0]!, shape: [1, 2] }];
    await expect(cluster.client.query("grey-8", shape)).rejects.toThrow(
      "2 elements of shape [1, 2] were sent",
    );
  });

  it("need an adapter that makes what the model takes", async () => {
    const wide = { image: { width: 9, height: 8, channels: 1, layout: "NCHW", scale: 1 } };
    writeFileSync(join(folder, "wide.json"), JSON.stringify(wide));
    const model = join(root, "zoo/models/digits-logreg.onnx");
    const adapter = ["--adapter", join(folder, "wide.json"), "--name", "wide"];
    const { status, stderr } = await infaas(cluster, "register", model, "--task", task, ...adapter);
    expect([status, stderr]).toEqual([
      expect.any(Number),
      expect.stringContaining("adapter makes rows of [1, 8, 9]"),
    ]);
    expect(status).not.toBe(0);
  });
});
