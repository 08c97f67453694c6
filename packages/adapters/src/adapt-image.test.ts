import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  type Adapter,
  AdapterSchema,
  adapterFromPreprocessor,
  ImageAdapterSchema,
  readNumbers,
} from "@infaas/api";
import { Code } from "@infaas/runtime";
import sharp from "sharp";
import { adaptElement } from "./adapt-element";
import { PICTURE_PIXELS_MAX, resizedTo } from "./adapt-image";
import { loadDecoders } from "./load-decoders";

interface Reference {
  readonly pictures: Readonly<Record<string, string>>;
  readonly configs: Readonly<Record<string, Record<string, unknown>>>;
  readonly cases: readonly { readonly picture: string; readonly config: string; readonly answer: string }[];
  readonly grey8: string;
}

/** Recorded by reference.py with Pillow and transformers. */
const reference = JSON.parse(
  readFileSync(join(__dirname, "../reference/reference.json"), "utf8"),
) as Reference;
const picture = (name: string) => Buffer.from(reference.pictures[name] ?? "", "base64");
const recorded = (base64: string) => numbersOf(Buffer.from(base64, "base64"));
const numbersOf = (bytes: Uint8Array) => Array.from(readNumbers("FP32", bytes) ?? [], Number);
const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean difference from Pillow that passes, in levels of 255: libvips first shrinks by whole numbers. */
const LEVELS_MAX = 1;

function imageAdapter(image: Parameters<typeof create<typeof ImageAdapterSchema>>[1]): Adapter {
  const plain = { width: 2, height: 2, channels: 3, layout: "NCHW", scale: 1 };
  return create(AdapterSchema, {
    kind: { case: "image", value: create(ImageAdapterSchema, { ...plain, ...image }) },
  });
}

async function refusal(adapter: Adapter, bytes: Uint8Array) {
  return await adaptElement(adapter, { bytes, datatype: "FP32" }).catch((fault) => fault);
}

describe("adaptElement of pictures", () => {
  it.each(reference.cases)("makes of a $picture what transformers makes with $config", async (c) => {
    const config = reference.configs[c.config] ?? {};
    const read = adapterFromPreprocessor(config);
    if (!read.ok) throw new Error(read.fault);
    const made = numbersOf(await adaptElement(read.value, { bytes: picture(c.picture), datatype: "FP32" }));
    const wanted = recorded(c.answer);
    expect(made).toHaveLength(wanted.length);
    const [std = 1] = (config.do_normalize === true && (config.image_std as number[])) || [];
    const levels = made.map((value, at) => Math.abs(value - (wanted[at] ?? 0)) * std * 255);
    expect(meanOf(levels)).toBeLessThan(LEVELS_MAX);
  });

  it("weighs colours for a model of grey as Pillow does", async () => {
    const adapter = imageAdapter({ width: 8, height: 8, channels: 1 });
    const made = numbersOf(await adaptElement(adapter, { bytes: picture("png"), datatype: "FP32" }));
    const levels = made.map((value, at) => Math.abs(value - (recorded(reference.grey8)[at] ?? 0)));
    // Shrunk by nine and more, which is where libvips is furthest from Pillow.
    expect(meanOf(levels)).toBeLessThan(3 * LEVELS_MAX);
  });

  it("has channels, layout, datatype and arithmetic as the adapter says", async () => {
    const bytes = await sharp(Buffer.from([10, 20, 30, 40, 50, 60]), {
      raw: { width: 2, height: 1, channels: 3 },
    })
      .png()
      .toBuffer();
    const size = { width: 2, height: 1 };
    const made = async (image: object, datatype: "FP32" | "FP16" | "UINT8" | "INT64") => {
      const adapter = imageAdapter({ ...size, ...image });
      return Array.from(readNumbers(datatype, await adaptElement(adapter, { bytes, datatype })) ?? []);
    };
    expect(await made({}, "UINT8")).toEqual([10, 40, 20, 50, 30, 60]);
    expect(await made({ layout: "NHWC" }, "INT64")).toEqual([10n, 20n, 30n, 40n, 50n, 60n]);
    expect(await made({ layout: "NHWC", bgr: true }, "UINT8")).toEqual([30, 20, 10, 60, 50, 40]);
    const arithmetic = { scale: 0.1, offset: 1, mean: [1, 2, 3], std: [1, 2, 4] };
    expect((await made(arithmetic, "FP32")).map(Number)).toEqual([1, 4, 0.5, 2, 0.25, 1]);
  });

  it("refuses a bomb by its header, with both numbers, before it is decoded", async () => {
    const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: "#000000" } })
      .png()
      .toBuffer();
    // The sizes in the header, and the checksum that belongs to them.
    png.writeUInt32BE(50_000, 16);
    png.writeUInt32BE(50_000, 20);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    expect(await refusal(imageAdapter({}), png)).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: `picture of 50000 x 50000 = 2500000000 pixels; at most ${PICTURE_PIXELS_MAX} are taken`,
    });
  });

  it("refuses a picture that becomes one by being resized", async () => {
    const strip = await sharp({ create: { width: 1, height: 60_000, channels: 3, background: "#000000" } })
      .png()
      .toBuffer();
    const fault = await refusal(imageAdapter({ width: 200, height: 200, resizeShortest: 256 }), strip);
    expect(fault.message).toContain("picture of 256 x 15360000");
    expect(fault.message).toContain("once 1 x 60000 are resized");
  });

  it.each([
    ["a text", Buffer.from("no picture"), "10 bytes that begin with 6e6f207069637475 cannot be read"],
    ["nothing", Buffer.alloc(0), "0 bytes that begin with nothing cannot be read as a picture"],
    ["half of a picture", picture("png").subarray(0, 9_000), "cannot be read as a picture"],
    ["SVG", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), "unsupported"],
  ])("refuses %s, and says what is taken", async (_, bytes, sentence) => {
    const fault = await refusal(imageAdapter({}), bytes);
    expect(fault.code).toBe(Code.INVALID_ARGUMENT);
    expect(fault.message).toContain(sentence);
    expect(fault.message).toContain("JPEG, PNG and WebP are taken");
  });
});

describe("loadDecoders", () => {
  it("decodes a pixel of its own", async () => {
    await expect(loadDecoders()).resolves.toBeUndefined();
  });
});

describe("resizedTo", () => {
  it.each([
    [{ resizeShortest: 256 }, { width: 640, height: 480 }, { width: 341, height: 256 }],
    [{ resizeShortest: 256 }, { width: 480, height: 641 }, { width: 256, height: 341 }],
    [
      { resizeWidth: 9, resizeHeight: 8 },
      { width: 1, height: 5 },
      { width: 9, height: 8 },
    ],
    [{}, { width: 1, height: 5 }, { width: 2, height: 2 }],
  ])("by %j of %j is %j", (image, from, to) => {
    const { kind } = imageAdapter(image);
    expect(kind.case === "image" && resizedTo(kind.value, from)).toEqual(to);
  });
});

/** The checksum of PNG, bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
