import { asciiText } from "./text";

/** A parameter's value. 64-bit integers are numbers where a number holds them exactly, else big integers. */
export type ParameterValue = string | number | bigint | boolean;

/** One input as the request describes it, without its data. */
export interface InferHeadInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** The data came in typed form, inside this input. */
  readonly contents: boolean;
}

/** What a router needs of a ModelInferRequest. Offsets count from the first byte that was scanned. */
export interface InferHead {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  readonly parameters: ReadonlyMap<string, ParameterValue>;
  readonly inputs: readonly InferHeadInput[];
  /** Empty = all. */
  readonly requestedOutputs: readonly string[];
  readonly rawInputs: readonly { readonly offset: number; readonly length: number }[];
}

/** Not ok = odd in some way (broken, or merely rare): decode the whole message instead. */
export type InferScan = { readonly ok: true; readonly head: InferHead } | { readonly ok: false };

const odd: InferScan = { ok: false };
const noParameters: ReadonlyMap<string, ParameterValue> = new Map();

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Protobuf's own limit; a longer one is broken. */
const VARINT_BYTES_MAX = 10;
/**
 * Inputs, dimensions, outputs, parameters, raw contents and unknown fields of one head, more than any request
 * may have; beyond it a message is odd.
 */
const HEAD_VALUES_MAX = 16_384;

/**
 * Thrown to leave a scan from any depth; one object, because a stack for it would cost more than the scan.
 */
const oddity = new Error("odd message");

/**
 * Reads the head of ModelInferRequest bytes without touching the tensors: fields in any order, the last of a
 * repeated single field wins, unknown fields are skipped, as protobuf has it. Odd are: anything broken, text
 * that is not ASCII, parameters of single tensors (shared memory, classification), negative integers, a
 * uint64 that is not `priority` (the only one that may be), a `priority` or `timeout` that is no integer,
 * more values than `HEAD_VALUES_MAX`. O(fields); copies nothing.
 */
export function scanInferRequest(bytes: Uint8Array): InferScan {
  try {
    return { ok: true, head: new Scanner(bytes).request() };
  } catch (e) {
    if (e === oddity) return odd;
    throw e;
  }
}

class Scanner {
  private at = 0;
  private values = 0;
  /** The value read last came as uint64_param. */
  private unsigned = false;
  /** The value read last came as int64_param or uint64_param. */
  private whole = false;

  constructor(private readonly bytes: Uint8Array) {}

  request(): InferHead {
    const end = this.bytes.byteLength;
    let modelName = "";
    let modelVersion = "";
    let id = "";
    let parameters: Map<string, ParameterValue> | null = null;
    const inputs: InferHeadInput[] = [];
    const requestedOutputs: string[] = [];
    const rawInputs: { offset: number; length: number }[] = [];
    while (this.at < end) {
      const tag = this.varint(end);
      switch (tag) {
        case (1 << 3) | BYTES:
          modelName = this.text(end);
          break;
        case (2 << 3) | BYTES:
          modelVersion = this.text(end);
          break;
        case (3 << 3) | BYTES:
          id = this.text(end);
          break;
        case (4 << 3) | BYTES:
          parameters ??= new Map();
          this.countValue();
          this.parameter(this.length(end), parameters);
          break;
        case (5 << 3) | BYTES:
          this.countValue();
          inputs.push(this.input(this.length(end)));
          break;
        case (6 << 3) | BYTES:
          this.countValue();
          requestedOutputs.push(this.requestedOutput(this.length(end)));
          break;
        case (7 << 3) | BYTES: {
          const dataEnd = this.length(end);
          this.countValue();
          rawInputs.push({ offset: this.at, length: dataEnd - this.at });
          this.at = dataEnd;
          break;
        }
        default:
          this.skip(tag, 7, end);
      }
    }
    return {
      modelName,
      modelVersion,
      id,
      parameters: parameters ?? noParameters,
      inputs,
      requestedOutputs,
      rawInputs,
    };
  }

  private input(end: number): InferHeadInput {
    let name = "";
    let datatype = "";
    let contents = false;
    const shape: number[] = [];
    while (this.at < end) {
      const tag = this.varint(end);
      switch (tag) {
        case (1 << 3) | BYTES:
          name = this.text(end);
          break;
        case (2 << 3) | BYTES:
          datatype = this.text(end);
          break;
        case (3 << 3) | BYTES: {
          const packedEnd = this.length(end);
          while (this.at < packedEnd) shape.push(this.dim(packedEnd));
          break;
        }
        case (3 << 3) | VARINT:
          shape.push(this.dim(end));
          break;
        case (5 << 3) | BYTES:
          contents = true;
          this.at = this.length(end);
          break;
        default:
          this.skip(tag, 5, end);
      }
    }
    return { name, datatype, shape, contents };
  }

  private dim(end: number): number {
    this.countValue();
    return this.varint(end);
  }

  private countValue(): void {
    this.values += 1;
    if (this.values > HEAD_VALUES_MAX) throw oddity;
  }

  private requestedOutput(end: number): string {
    let name = "";
    while (this.at < end) {
      const tag = this.varint(end);
      if (tag === ((1 << 3) | BYTES)) name = this.text(end);
      else this.skip(tag, 2, end);
    }
    return name;
  }

  /** One map entry: key 1, value 2. A missing key is the empty text, a missing value is odd. */
  private parameter(end: number, into: Map<string, ParameterValue>): void {
    let key = "";
    let value: ParameterValue | null = null;
    while (this.at < end) {
      const tag = this.varint(end);
      if (tag === ((1 << 3) | BYTES)) key = this.text(end);
      else if (tag === ((2 << 3) | BYTES) && value === null) value = this.value(this.length(end));
      else this.skip(tag, 2, end);
    }
    if (value === null || (this.unsigned && key !== "priority")) throw oddity;
    if (!this.whole && (key === "priority" || key === "timeout")) throw oddity;
    into.set(key, value);
  }

  private value(end: number): ParameterValue | null {
    let value: ParameterValue | null = null;
    this.unsigned = false;
    this.whole = false;
    while (this.at < end) {
      const tag = this.varint(end);
      switch (tag) {
        case (1 << 3) | VARINT:
          value = this.varint(end) !== 0;
          this.whole = false;
          break;
        case (2 << 3) | VARINT:
          value = this.varint(end);
          this.whole = true;
          break;
        case (5 << 3) | VARINT:
          value = this.varint(end);
          this.unsigned = true;
          this.whole = true;
          break;
        case (3 << 3) | BYTES:
          value = this.text(end);
          this.whole = false;
          break;
        case (4 << 3) | FIXED64:
          value = this.double(end);
          this.whole = false;
          break;
        default:
          this.skip(tag, 5, end);
      }
    }
    return value;
  }

  /** Where the length-delimited field that begins here ends. */
  private length(end: number): number {
    const length = this.varint(end);
    if (length > end - this.at) throw oddity;
    return this.at + length;
  }

  private text(end: number): string {
    const textEnd = this.length(end);
    const text = asciiText(this.bytes, this.at, textEnd);
    if (text === null) throw oddity;
    this.at = textEnd;
    return text;
  }

  /** An unsigned integer below 2^53; anything larger, and thereby every negative one, is odd. */
  private varint(end: number): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < VARINT_BYTES_MAX && this.at < end; i += 1) {
      const byte = this.bytes[this.at]!;
      this.at += 1;
      value += (byte & 0x7f) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw oddity;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw oddity;
  }

  private double(end: number): number {
    if (end - this.at < 8) throw oddity;
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at, 8);
    this.at += 8;
    return view.getFloat64(0, true);
  }

  /**
   * Passes over a field that is not known; a known one here has an unexpected form, or is one this scan
   * leaves to others.
   */
  private skip(tag: number, knownMax: number, end: number): void {
    if (tag > 0xffff_ffff || tag >>> 3 <= knownMax) throw oddity;
    this.countValue();
    switch (tag & 7) {
      case VARINT:
        this.skipVarint(end);
        return;
      case FIXED64:
        this.advance(8, end);
        return;
      case BYTES:
        this.at = this.length(end);
        return;
      case FIXED32:
        this.advance(4, end);
        return;
      default:
        throw oddity;
    }
  }

  private skipVarint(end: number): void {
    for (let i = 0; i < VARINT_BYTES_MAX && this.at < end; i += 1) {
      const byte = this.bytes[this.at]!;
      this.at += 1;
      if (byte < 0x80) return;
    }
    throw oddity;
  }

  private advance(count: number, end: number): void {
    if (end - this.at < count) throw oddity;
    this.at += count;
  }
}
