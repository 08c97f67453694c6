import { crc32, deflateRawSync } from "node:zlib";

/** An array as NumPy would save it. */
export interface NumpyArray {
  /** As in the header, or the fields of a structure. */
  readonly descr: string | readonly (readonly string[])[];
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  /** Default 1. */
  readonly version?: 1 | 2;
  /** Default false. */
  readonly columnMajor?: boolean;
}

/** For tests: a `.npy` file as NEP 1 has it. */
export function npyFile({ descr, shape, bytes, version = 1, columnMajor = false }: NumpyArray): Buffer {
  const fields = typeof descr === "string" ? `'${descr}'` : `[${descr.map(([a, b]) => `('${a}', '${b}')`)}]`;
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const order = columnMajor ? "True" : "False";
  const header = Buffer.from(`{'descr': ${fields}, 'fortran_order': ${order}, 'shape': (${axes}), }\n`);
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(header.length, 0, length.length);
  return Buffer.concat([Buffer.from("\x93NUMPY", "latin1"), Buffer.of(version, 0), length, header, bytes]);
}

/** A file in an archive; `claimed` is the size it says to have, default its own. */
export interface ZippedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly claimed?: number;
}

/** For tests: a zip archive of compressed files, as `numpy.savez_compressed` writes one. */
export function zipFile(files: readonly ZippedFile[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, bytes, claimed = bytes.length } of files) {
    const packed = deflateRawSync(bytes);
    const facts = Buffer.alloc(22);
    facts.writeUInt16LE(20, 0);
    facts.writeUInt16LE(8, 4);
    facts.writeUInt32LE(crc32(bytes), 10);
    facts.writeUInt32LE(packed.length, 14);
    facts.writeUInt32LE(claimed, 18);
    const lengths = Buffer.alloc(4);
    lengths.writeUInt16LE(Buffer.byteLength(name));
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), facts, lengths, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    directory.push(
      Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.of(20, 0), facts, lengths, rest, Buffer.from(name)]),
    );
    parts.push(local);
    at += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...parts, central, Buffer.from("PK\x05\x06"), end]);
}
