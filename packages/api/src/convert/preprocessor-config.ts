import { create } from "@bufbuild/protobuf";
import { type Adapter, AdapterSchema, ImageAdapterSchema } from "../gen/infaas/v1/types_pb";

/** An adapter, or why a file says of none. */
export type AdapterRead =
  | { readonly ok: true; readonly value: Adapter }
  | { readonly ok: false; readonly fault: string };

/** Pillow's numbers of resample filters that are taken. */
const FILTERS: Readonly<Record<number, string>> = { 1: "lanczos", 2: "bilinear", 3: "bicubic" };
/** What transformers rescales by unless the file says. */
const RESCALE_FACTOR = 1 / 255;
/** As most of its image processors: bilinear. */
const RESAMPLE_DEFAULT = 2;
const CHANNELS = 3;

/**
 * Reads the adapter of pictures from a `preprocessor_config.json`, as transformers writes it beside a model: rgb, NCHW. What it
 * asks for and an adapter does not do (padding, a size by the longest side, cutting before resizing) is a fault.
 */
export function adapterFromPreprocessor(config: Readonly<Record<string, unknown>>): AdapterRead {
  const { do_resize = true, do_center_crop = false, do_rescale = true, do_normalize = true } = config;
  const { resample = RESAMPLE_DEFAULT, rescale_factor = RESCALE_FACTOR, image_mean, image_std } = config;
  if (config.image_processor_type === undefined && config.feature_extractor_type === undefined)
    return fault("it has no image_processor_type");
  if (do_resize !== true)
    return fault("do_resize is not true: pictures of any size are no rows of one tensor");
  if (config.do_pad === true) return fault("do_pad is true, and pictures are not padded");
  if (config.crop_pct !== undefined && config.crop_pct !== null) return fault("crop_pct is not taken");
  const filter = FILTERS[Number(resample)];
  if (filter === undefined) return fault(`resample ${String(resample)} is none of 1, 2 and 3`);
  const size = sizeOf(config.size);
  if (size === null)
    return fault(`size ${JSON.stringify(config.size)} has neither height and width nor shortest_edge`);
  const crop = do_center_crop === true ? sizeOf(config.crop_size) : size;
  if (crop === null) return fault(`crop_size ${JSON.stringify(config.crop_size)} has no height and width`);
  const [mean, std] = do_normalize === true ? [numbers(image_mean), numbers(image_std)] : [[], []];
  if (mean === null || std === null)
    return fault("do_normalize is true without image_mean and image_std by channel");
  const image = create(ImageAdapterSchema, {
    width: crop.width,
    height: crop.height,
    channels: CHANNELS,
    layout: "NCHW",
    scale: do_rescale === true ? Number(rescale_factor) : 1,
    mean,
    std,
    ...resizeOf(size, crop, do_center_crop === true),
    filter,
    bgr: config.do_flip_channel_order === true,
  });
  return { ok: true, value: create(AdapterSchema, { kind: { case: "image", value: image } }) };
}

interface Size {
  readonly width: number;
  readonly height: number;
  /** The shorter side is resized to it; the longer one follows. */
  readonly isShortest: boolean;
}

/** Sizes are `{height, width}`, `{shortest_edge}`, or in earlier releases a number, which is the shorter side of what is cut. */
function sizeOf(value: unknown): Size | null {
  if (typeof value === "number") return { width: value, height: value, isShortest: true };
  const {
    height,
    width,
    shortest_edge: shortest,
    longest_edge: longest,
  } = Object(value) as Record<string, unknown>;
  if (typeof height === "number" && typeof width === "number") return { width, height, isShortest: false };
  if (typeof shortest !== "number" || longest !== undefined) return null;
  return { width: shortest, height: shortest, isShortest: true };
}

function resizeOf(size: Size, crop: Size, isCut: boolean) {
  // A square of an earlier release that nothing is cut out of is a size, not a shorter side.
  if (isCut && size.isShortest) return { resizeShortest: size.width };
  if (size.width === crop.width && size.height === crop.height) return {};
  return { resizeWidth: size.width, resizeHeight: size.height };
}

function numbers(value: unknown): number[] | null {
  if (typeof value === "number") return new Array<number>(CHANNELS).fill(value);
  return Array.isArray(value) && value.every((each) => typeof each === "number") ? value : null;
}

function fault(why: string): AdapterRead {
  return { ok: false, fault: why };
}
