export { type AdaptedInput, adaptElement, adaptedDims, elementFault } from "./adapt-element";
export { PICTURE_BYTES_MAX, PICTURE_PIXELS_MAX } from "./adapt-image";
export { TEXT_BYTES_MAX } from "./adapt-text";
export { loadDecoders } from "./load-decoders";
