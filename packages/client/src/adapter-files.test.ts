import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adapterBeside, adapterFromJson } from "./adapter-files";

/** As transformers writes it for google/vit-base-patch16-224. */
const vit = {
  do_normalize: true,
  do_rescale: true,
  do_resize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_processor_type: "ViTImageProcessor",
  image_std: [0.5, 0.5, 0.5],
  resample: 2,
  rescale_factor: 0.00392156862745098,
  size: { height: 224, width: 224 },
};

function beside(config: object | string, subfolder = ""): string {
  const folder = mkdtempSync(join(tmpdir(), "infaas-adapter-"));
  const text = typeof config === "string" ? config : JSON.stringify(config);
  writeFileSync(join(folder, "preprocessor_config.json"), text);
  mkdirSync(join(folder, subfolder), { recursive: true });
  return join(folder, subfolder, "model.onnx");
}

describe("adapterBeside", () => {
  it.each(["", "onnx"])("reads what transformers wrote for a model in '%s'", (subfolder) => {
    expect(adapterBeside(beside(vit, subfolder))?.kind).toMatchObject({
      case: "image",
      value: {
        width: 224,
        height: 224,
        channels: 3,
        layout: "NCHW",
        filter: "bilinear",
        std: [0.5, 0.5, 0.5],
      },
    });
  });

  it("resizes the shorter side and cuts out the centre where the file says so", () => {
    const clip = { ...vit, size: { shortest_edge: 256 }, do_center_crop: true, crop_size: 240, resample: 3 };
    expect(adapterBeside(beside(clip))?.kind.value).toMatchObject({
      resizeShortest: 256,
      width: 240,
      height: 240,
      filter: "bicubic",
    });
  });

  it("is null without a file", () => {
    expect(adapterBeside(join(mkdtempSync(join(tmpdir(), "infaas-adapter-")), "model.onnx"))).toBeNull();
  });

  it.each([
    ["no JSON", "{", "cannot be read"],
    ["audio", { feature_size: 80 }, "it has no image_processor_type"],
    ["padding", { ...vit, do_pad: true }, "do_pad is true, and pictures are not padded"],
    ["a filter of its own", { ...vit, resample: 5 }, "resample 5 is none of 1, 2 and 3"],
    [
      "the longest side",
      { ...vit, size: { shortest_edge: 9, longest_edge: 9 } },
      "has neither height and width",
    ],
    ["any size", { ...vit, do_resize: false }, "do_resize is not true"],
    ["no mean", { ...vit, image_mean: null }, "without image_mean and image_std"],
  ])("refuses a file of %s, and says what it has", (_, config, sentence) => {
    expect(() => adapterBeside(beside(config))).toThrow(sentence);
  });
});

describe("adapterFromJson", () => {
  it("reads both kinds", () => {
    expect(adapterFromJson('{"image": {"width": 8, "resizeShortest": 9}}').kind.case).toBe("image");
    expect(adapterFromJson('{"text": {"length": 8}}').kind.case).toBe("text");
  });

  it("names a field that no adapter has", () => {
    expect(() => adapterFromJson('{"image": {"wide": 8}}')).toThrow(/this is no adapter: .*wide/);
  });
});
