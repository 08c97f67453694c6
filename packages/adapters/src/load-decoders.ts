import { create } from "@bufbuild/protobuf";
import { ImageAdapterSchema } from "@infaas/api";
import { adaptImage } from "./adapt-image";

/** A white pixel in PNG. */
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg==",
  "base64",
);

/** Decodes a pixel, so that the first picture of a process does not wait for libraries to be loaded. */
export async function loadDecoders(): Promise<void> {
  const image = create(ImageAdapterSchema, { width: 1, height: 1, channels: 1, layout: "NCHW", scale: 1 });
  await adaptImage(PIXEL, image, "UINT8");
}
