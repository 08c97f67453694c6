import type { DataType, ImageAdapter } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import sharp, { type Metadata } from "sharp";
import { pixelValues } from "./pixel-values";

/** Pixels of a picture, by its header, at most: it is refused before it is decoded. */
export const PICTURE_PIXELS_MAX = 50_000_000;
/** Bytes of one encoded picture, at most. */
export const PICTURE_BYTES_MAX = 32 * 1024 * 1024;
/** First bytes of what is no picture that a refusal shows. */
const BYTES_SHOWN = 8;

const KERNELS = { bilinear: "linear", bicubic: "cubic", lanczos: "lanczos3" } as const;
const TAKEN = "JPEG, PNG and WebP are taken";

// libvips reads dozens of formats, and what is not needed is not exposed to what strangers send.
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({
  operation: ["VipsForeignLoadJpegBuffer", "VipsForeignLoadPngBuffer", "VipsForeignLoadWebpBuffer"],
});
sharp.cache(false);
// Several pictures are decoded at once instead, each by one thread.
sharp.concurrency(1);

/**
 * Decodes one picture into a row of a model's input: turned as its EXIF says, resized, its centre cut out, scaled.
 * @throws ServiceError INVALID_ARGUMENT, saying what came and what is taken, for what is no picture, is torn, or has more than
 * `PICTURE_PIXELS_MAX` pixels, before or after it is resized.
 */
export async function adaptImage(
  bytes: Uint8Array,
  image: ImageAdapter,
  datatype: DataType,
): Promise<Uint8Array> {
  const header = await reading(bytes, () => sharp(bytes, { limitInputPixels: false }).metadata());
  const { autoOrient } = header;
  expectPixels(header, "");
  const size = resizedTo(image, autoOrient);
  expectPixels(size, ` once ${autoOrient.width} x ${autoOrient.height} are resized`);
  const { width, height } = image;
  const { data, info } = await reading(bytes, () =>
    sharp(bytes, { limitInputPixels: PICTURE_PIXELS_MAX, failOn: "error" })
      .autoOrient()
      .toColourspace("srgb")
      .removeAlpha()
      .resize(size.width, size.height, {
        fit: "fill",
        kernel: KERNELS[(image.filter || "lanczos") as keyof typeof KERNELS],
        // JPEG's own reduction is faster, and no model was trained with it.
        fastShrinkOnLoad: false,
      })
      .extract({
        left: Math.floor((size.width - width) / 2),
        top: Math.floor((size.height - height) / 2),
        width,
        height,
      })
      .raw()
      .toBuffer({ resolveWithObject: true }),
  );
  return pixelValues({ bytes: data, channels: info.channels }, image, datatype);
}

/** Size of the whole picture after resizing; rounds as transformers does. */
export function resizedTo(
  { width, height, resizeShortest, resizeWidth, resizeHeight }: ImageAdapter,
  from: { readonly width: number; readonly height: number },
): { readonly width: number; readonly height: number } {
  if (resizeShortest === 0) return { width: resizeWidth || width, height: resizeHeight || height };
  const longest = Math.floor(
    (resizeShortest * Math.max(from.width, from.height)) / Math.min(from.width, from.height),
  );
  return from.width <= from.height
    ? { width: resizeShortest, height: longest }
    : { width: longest, height: resizeShortest };
}

function expectPixels({ width, height }: Pick<Metadata, "width" | "height">, when: string): void {
  if (width * height <= PICTURE_PIXELS_MAX) return;
  const sentence = `picture of ${width} x ${height} = ${width * height} pixels${when}; at most ${PICTURE_PIXELS_MAX} are taken`;
  throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
}

async function reading<T>(bytes: Uint8Array, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const [why = ""] = (cause as Error).message.split("\n");
    const begins = Buffer.from(bytes.subarray(0, BYTES_SHOWN)).toString("hex");
    const came = `${bytes.byteLength} bytes that begin with ${begins || "nothing"}`;
    const sentence = `${came} cannot be read as a picture: ${why}; ${TAKEN}`;
    throw new ServiceError(Code.INVALID_ARGUMENT, sentence, { cause });
  }
}
