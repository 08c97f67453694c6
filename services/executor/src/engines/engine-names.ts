/** Engines, as records of variants name them. */
export const ONNX_RUNTIME = "onnxruntime";
export const KERNEL_MODULE = "kernels";
