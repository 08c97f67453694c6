/**
 * Code lengths of HPACK's Huffman code by byte (RFC 7541, appendix B). The code is canonical: the codes of
 * one length follow each other in the order of their bytes.
 */
const codeLengths = [
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  ...[28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  ...[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  ...[7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  ...[6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  ...[24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  ...[22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  ...[21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  ...[26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  ...[19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  ...[20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
];
const bytesPossible = 256;
/** The static table's entries for `:status` (RFC 7541, appendix A) begin here. */
const statusIndex = 8;
const statuses = ["200", "204", "206", "304", "400", "404", "500"];
const staticEntries = 61;

/** Two places per node, for the bits 0 and 1: a further node, or -1 - byte. */
const huffmanTree = growTree();

/**
 * Reads the header blocks of a peer that was told to keep no table (SETTINGS_HEADER_TABLE_SIZE 0): names and
 * values as they are, besides what the static table has. Of that only `:status` is told. Throws when the
 * block is broken.
 */
export function readHeaders(block: Uint8Array): Map<string, string> {
  const fields = new Map<string, string>();
  const reader = new BlockReader(block);
  while (reader.more()) {
    const first = reader.peek();
    if (first >= 0x80) {
      const index = reader.integer(7);
      if (index === 0 || index > staticEntries) throw new Error(`header block with index ${index}`);
      const status = statuses[index - statusIndex];
      if (status !== undefined) fields.set(":status", status);
    } else if (first >= 0x20 && first < 0x40) reader.integer(5);
    else {
      const index = reader.integer(first >= 0x40 ? 6 : 4);
      if (index > staticEntries) throw new Error(`header block with index ${index}`);
      const known = index >= statusIndex && index < statusIndex + statuses.length ? ":status" : `#${index}`;
      const name = index === 0 ? reader.text() : known;
      fields.set(name, reader.text());
    }
  }
  return fields;
}

class BlockReader {
  private at = 0;

  constructor(private readonly block: Uint8Array) {}

  more(): boolean {
    return this.at < this.block.length;
  }

  peek(): number {
    return this.block[this.at]!;
  }

  /** An integer whose first bits are the last `bits` of this byte (RFC 7541, section 5.1). */
  integer(bits: number): number {
    const most = 2 ** bits - 1;
    let value = this.next() & most;
    if (value < most) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.next();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  text(): string {
    const isPacked = this.peek() >= 0x80;
    const length = this.integer(7);
    const bytes = this.block.subarray(this.at, this.at + length);
    if (bytes.length < length) throw new Error("header block is cut off");
    this.at += length;
    return isPacked ? unpacked(bytes) : Buffer.from(bytes).toString("latin1");
  }

  private next(): number {
    const byte = this.block[this.at++];
    if (byte === undefined) throw new Error("header block is cut off");
    return byte;
  }
}

function unpacked(bytes: Uint8Array): string {
  let text = "";
  let node = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      node = huffmanTree[2 * node + ((byte >> bit) & 1)]!;
      if (node < 0) {
        text += String.fromCharCode(-1 - node);
        node = 0;
      }
    }
  }
  return text;
}

function growTree(): Int16Array {
  const tree = new Int16Array(4 * bytesPossible);
  let nodes = 1;
  let code = 0;
  for (let length = 1; length <= Math.max(...codeLengths); length++) {
    code *= 2;
    for (let byte = 0; byte < bytesPossible; byte++) {
      if (codeLengths[byte] !== length) continue;
      let node = 0;
      for (let bit = length - 1; bit > 0; bit--) {
        const at = 2 * node + ((code >>> bit) & 1);
        if (tree[at] === 0) tree[at] = nodes++;
        node = tree[at]!;
      }
      tree[2 * node + (code & 1)] = -1 - byte;
      code++;
    }
  }
  return tree;
}
