/**
 * Which other files an ONNX file takes its weights from, found by walking its protobuf fields without reading
 * the weights themselves: a file of two gigabytes costs some reads.
 */

/** Bytes of a file, wherever they are. */
export interface ByteSource {
  readonly size: number;
  /** The bytes from `offset` on, `length` of them or as many as there are. */
  read(offset: number, length: number): Uint8Array;
}

/** Names, each once; or one sentence on why it is no ONNX file. */
export type ExternalNames =
  | {
      readonly ok: true;
      /** As the file writes them, but for steps `.` that lead nowhere: `./w.bin` is `w.bin`. */
      readonly names: readonly string[];
      /** Those of them that tensors of bodies and functions are taken from. */
      readonly inner: readonly string[];
    }
  | { readonly ok: false; readonly fault: string };

/** Largest ONNX file: protobuf counts a message's bytes in 31 bits. Weights beyond it lie in other files. */
export const MODEL_FILE_BYTES_MAX = 2 ** 31 - 1;
/** Other files one model may have: large networks are exported with one for each tensor. */
export const EXTERNAL_FILES_MAX = 4_096;
/** Longest name of such a file, folders included. */
export const EXTERNAL_NAME_MAX_LENGTH = 255;

/** Deepest nesting that is walked: subgraphs of subgraphs, each some messages deep. */
const DEPTH_MAX = 256;
const WINDOW_BYTES = 1 << 16;

type Kind = "model" | "graph" | "node" | "attribute" | "tensor" | "sparse" | "function" | "entry";

/** Which fields of which message lead to tensors, by the format's field numbers. */
const inner: Readonly<Record<Kind, Readonly<Record<number, Kind>>>> = {
  model: { 7: "graph", 25: "function" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  function: { 7: "node", 11: "attribute" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  sparse: { 1: "tensor", 2: "tensor" },
  tensor: { 13: "entry" },
  entry: {},
};
const LOCATION_KEY = "location";
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;
/** Beyond it a tag is no tag of protobuf, whose own readers cut it to 32 bits or refuse it. */
const WIDEST_TAG = 0xffff_ffff;

/** Fields that are walked before whoever shares the thread has a turn: some ten milliseconds. */
const FIELDS_A_TURN = 2 ** 18;

/**
 * Finds the names of the files that an ONNX file takes weights from, in the order of their first use.
 * O(fields).
 */
export function externalNames(source: ByteSource): ExternalNames {
  const walker = new Walker(source);
  return walked(source, walker, () => {
    while (!walker.walk(FIELDS_A_TURN));
  });
}

/** The same, while others who share the thread have their turn: `nextTurn` resolves after them. */
export async function externalNamesInTurns(
  source: ByteSource,
  nextTurn: () => Promise<void>,
): Promise<ExternalNames> {
  const walker = new Walker(source);
  for (;;) {
    let done = true;
    const found = walked(source, walker, () => {
      done = walker.walk(FIELDS_A_TURN);
    });
    if (done) return found;
    await nextTurn();
  }
}

function walked(source: ByteSource, walker: Walker, walk: () => void): ExternalNames {
  try {
    walk();
  } catch (fault) {
    if (!(fault instanceof BrokenFile)) throw fault;
    return { ok: false, fault: `file of ${source.size} bytes is no onnx model: ${fault.message}` };
  }
  return { ok: true, names: [...walker.names], inner: [...walker.inner] };
}

/**
 * Why a file beside a model may not be called so, or null: its name is a path below the model's folder,
 * without a step upwards, because it becomes one on the disk of an executor.
 */
export function externalNameFault(name: string): string | null {
  const called = `external data file ${JSON.stringify(name.slice(0, EXTERNAL_NAME_MAX_LENGTH))}`;
  if (name.length > EXTERNAL_NAME_MAX_LENGTH)
    return `${called} has a name of ${name.length} characters, allowed are ${EXTERNAL_NAME_MAX_LENGTH}`;
  const steps = name.split("/");
  if (steps.includes("") || steps.includes(".") || steps.includes(".."))
    return `${called} is no path below the model's folder`;
  if (/[\\\0:]/.test(name)) return `${called} has a backslash, a colon or a zero in its name`;
  return null;
}

/** What is wrong with the list of files beside a model, or null. */
export function externalDataFault(files: readonly { readonly name: string }[]): string | null {
  if (files.length > EXTERNAL_FILES_MAX)
    return `${files.length} external data files were given, allowed are ${EXTERNAL_FILES_MAX}`;
  const names = files.map(({ name }) => name).sort();
  for (const [index, name] of names.entries()) {
    const fault = externalNameFault(name);
    if (fault !== null) return fault;
    const before = names[index - 1];
    if (name === before) return `external data file ${JSON.stringify(name)} is given twice`;
    if (before !== undefined && name.startsWith(`${before}/`))
      return `external data file ${JSON.stringify(before)} is a folder of ${JSON.stringify(name)} too`;
  }
  return null;
}

class BrokenFile extends Error {}

/** Characters of a text that cost as much as a field. */
const TEXT_A_FIELD = 64;

/** A function is as good as a graph within one: its tensors are none of the model's own. */
function bodiesOf(kind: Kind): number {
  return kind === "graph" ? 1 : kind === "function" ? 2 : 0;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Steps `.` lead nowhere; one that is all there is stays, and is refused as a name. */
function plainName(location: string): string {
  const steps = location.split("/");
  const name = steps.filter((step) => step !== ".").join("/");
  return name === "" ? location : name;
}

/** A message that is being walked, and where it ends. */
interface Open {
  readonly kind: Kind;
  readonly end: number;
}

class Walker {
  readonly names = new Set<string>();
  readonly inner = new Set<string>();
  private readonly open: Open[];
  /** Graphs and functions that are being walked: 1 in the model's own. */
  private bodies = 0;
  /** Of the entry that is being walked. */
  private key = "";
  private value = "";
  private at = 0;
  private window: Uint8Array = new Uint8Array(0);
  private windowAt = 0;

  constructor(private readonly source: ByteSource) {
    this.open = [{ kind: "model", end: source.size }];
  }

  /** Walks so many fields; returns whether that was all. */
  walk(fields: number): boolean {
    for (let left = fields; left > 0; left -= 1) {
      const message = this.open.at(-1);
      if (message === undefined) return true;
      if (this.at < message.end) left -= this.field(message);
      else this.leave(message);
    }
    return this.open.length === 0;
  }

  /** Reads a field, or enters the message that it is; returns what it cost beside, in fields. */
  private field({ kind, end }: Open): number {
    const tag = this.tag(end);
    if (kind === "entry" && tag === ((ENTRY_KEY << 3) | 2)) {
      this.key = this.text(end);
      return this.key.length / TEXT_A_FIELD;
    }
    if (kind === "entry" && tag === ((ENTRY_VALUE << 3) | 2)) {
      this.value = this.text(end);
      return this.value.length / TEXT_A_FIELD;
    }
    const next = (tag & 7) === 2 ? inner[kind][tag >>> 3] : undefined;
    if (next === undefined) this.skip(tag & 7, end);
    else this.enter(next, this.length(end));
    return 0;
  }

  private enter(kind: Kind, end: number): void {
    if (this.open.length > DEPTH_MAX) throw new BrokenFile(`messages are nested deeper than ${DEPTH_MAX}`);
    this.open.push({ kind, end });
    this.bodies += bodiesOf(kind);
    this.key = "";
    this.value = "";
  }

  private leave({ kind }: Open): void {
    this.open.pop();
    this.bodies -= bodiesOf(kind);
    if (kind === "entry") this.leaveEntry();
  }

  /** The value of `location` is a name. */
  private leaveEntry(): void {
    if (this.key === LOCATION_KEY) {
      const name = plainName(this.value);
      this.names.add(name);
      if (this.bodies > 1) this.inner.add(name);
    }
    if (this.names.size > EXTERNAL_FILES_MAX)
      throw new BrokenFile(`its weights lie in more than ${EXTERNAL_FILES_MAX} files`);
  }

  /**
   * What another reader takes for a field must not be passed over here: a tag of more than 32 bits is
   * refused.
   */
  private tag(end: number): number {
    const at = this.at;
    const tag = this.varint(end);
    if (tag > WIDEST_TAG || tag < 8) throw new BrokenFile(`a broken tag at byte ${at}`);
    return tag;
  }

  private text(end: number): string {
    const textEnd = this.length(end);
    const length = textEnd - this.at;
    if (length > WINDOW_BYTES) throw new BrokenFile(`a name of ${length} bytes`);
    const bytes = this.source.read(this.at, length);
    this.at = textEnd;
    try {
      return utf8.decode(bytes);
    } catch {
      throw new BrokenFile(`a text that is no UTF-8 before byte ${textEnd}`);
    }
  }

  private skip(wireType: number, end: number): void {
    if (wireType === 0) this.varint(end);
    else if (wireType === 1) this.advance(8, end);
    else if (wireType === 2) this.at = this.length(end);
    else if (wireType === 5) this.advance(4, end);
    else throw new BrokenFile(`a field of type ${wireType} at byte ${this.at}`);
  }

  /** Where the length-delimited field that begins here ends. */
  private length(end: number): number {
    const length = this.varint(end);
    return this.at + this.within(length, end);
  }

  private advance(count: number, end: number): void {
    this.at += this.within(count, end);
  }

  private within(count: number, end: number): number {
    if (count <= end - this.at) return count;
    throw new BrokenFile(`a field at byte ${this.at} goes beyond the end of its message`);
  }

  private varint(end: number): number {
    let value = 0;
    for (let factor = 1; this.at < end && factor <= 2 ** 63; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw new BrokenFile(`a broken number at byte ${this.at}`);
  }

  private byte(): number {
    let index = this.at - this.windowAt;
    if (index < 0 || index >= this.window.length) {
      this.window = this.source.read(this.at, WINDOW_BYTES);
      this.windowAt = this.at;
      index = 0;
    }
    const byte = this.window[index];
    if (byte === undefined) throw new BrokenFile("it ends early");
    this.at += 1;
    return byte;
  }
}
