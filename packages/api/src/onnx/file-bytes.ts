import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { ByteSource } from "./onnx-external-data";

/**
 * Opens a file, hands its bytes to `use` and closes it however that ends. Throws what the file system says.
 */
export function withFileBytes<T>(path: string, use: (bytes: ByteSource) => T): T {
  const file = openSync(path, "r");
  try {
    const read = (offset: number, length: number) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
    };
    return use({ size: fstatSync(file).size, read });
  } finally {
    closeSync(file);
  }
}
