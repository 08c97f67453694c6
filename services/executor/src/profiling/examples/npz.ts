import { type Entry, fromBuffer, type ZipFile } from "yauzl";
import { EXAMPLE_UNPACKED_BYTES_MAX, faultIn } from "./example-tensor";

/** A file inside an archive. */
export interface PackedFile {
  /** As the archive has it; never a path here. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** Files in one archive: one for each input that a model may have. */
const FILES_MAX = 1_024;

/**
 * The files of a `.npz`, which is a zip archive. What they take unpacked is bounded before and while they are.
 * @throws ServiceError INVALID_ARGUMENT for what is no archive, or one of more files or bytes than allowed.
 */
export async function readNpz(source: string, content: Uint8Array): Promise<PackedFile[]> {
  try {
    const zip = await open(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
    if (zip.entryCount > FILES_MAX)
      throw new Error(`it has ${zip.entryCount} files, at most ${FILES_MAX} are read`);
    return await filesOf(zip);
  } catch (fault) {
    throw faultIn(source, `it cannot be unpacked: ${(fault as Error).message}`);
  }
}

function open(content: Buffer): Promise<ZipFile> {
  // Names are used as names of inputs only, which may hold slashes and steps upwards.
  const options = { lazyEntries: true, decodeStrings: false } as const;
  return new Promise((resolve, reject) => {
    fromBuffer(content, options, (fault, zip) => (fault ? reject(fault) : resolve(zip)));
  });
}

function filesOf(zip: ZipFile): Promise<PackedFile[]> {
  const files: PackedFile[] = [];
  let left = EXAMPLE_UNPACKED_BYTES_MAX;
  return new Promise((resolve, reject) => {
    const take = async (entry: Entry) => {
      left -= entry.uncompressedSize;
      if (left < 0) throw new Error(`it has more than ${EXAMPLE_UNPACKED_BYTES_MAX} bytes unpacked`);
      files.push({ name: String(entry.fileName), bytes: await unpack(zip, entry) });
      zip.readEntry();
    };
    zip.on("error", reject);
    zip.on("end", () => resolve(files));
    zip.on("entry", (entry: Entry) => void take(entry).catch(reject));
    zip.readEntry();
  });
}

/** Rejects as soon as an entry has more bytes than it says, or ends with fewer. */
async function unpack(zip: ZipFile, entry: Entry): Promise<Buffer> {
  const stream = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    zip.openReadStream(entry, (fault, opened) => (fault ? reject(fault) : resolve(opened)));
  });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
