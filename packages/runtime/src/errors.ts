/** The canonical gRPC status codes. */
export const Code = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

const names = new Map<number, keyof typeof Code>(
  (Object.keys(Code) as (keyof typeof Code)[]).map((name) => [Code[name], name]),
);

/** Returns the code a number stands for; a number outside the table is UNKNOWN. */
export function codeOf(value: number): Code {
  const name = names.get(value);
  return name === undefined ? Code.UNKNOWN : Code[name];
}

/** Returns the canonical name: `NOT_FOUND` for 5. */
export function codeName(code: Code): keyof typeof Code {
  return names.get(code) ?? "UNKNOWN";
}

/** The code of that number; UNKNOWN for a number that is none. */
export function codeFrom(value: number): Code {
  return Code[codeName(value as Code)];
}

/** A typed detail of an error: protobuf bytes and the full name of their type. */
export interface ErrorDetail {
  /** For example `infaas.v1.Refusal`. */
  readonly typeName: string;
  readonly value: Uint8Array;
}

/**
 * Frames of a failure's stack: none but for a bug. Capturing one costs a refusal 24 µs instead of 1.5, and
 * overload refuses most.
 */
const STACK_FRAMES_MAX = 20;

/**
 * Longest message of a failure; of a longer one the middle is left out. Messages quote what came, which may
 * be 64 MiB long, and are sent in headers, of which clients take 8 KiB.
 */
export const MESSAGE_CHARS_MAX = 1_000;

/**
 * The failure of this system: a canonical code and a lower-case sentence with what came and what was allowed.
 */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly code: Code;
  readonly details: readonly ErrorDetail[];

  constructor(
    code: Code,
    message: string,
    options: { cause?: unknown; details?: readonly ErrorDetail[] } = {},
  ) {
    const frames = Error.stackTraceLimit;
    Error.stackTraceLimit = code === Code.INTERNAL ? STACK_FRAMES_MAX : 0;
    super(shortened(message), options.cause === undefined ? undefined : { cause: options.cause });
    Error.stackTraceLimit = frames;
    this.code = code;
    this.details = options.details ?? [];
  }

  /** Returns `e` itself when it is one, CANCELLED for an abort, and INTERNAL for anything unexpected. */
  static from(e: unknown): ServiceError {
    if (e instanceof ServiceError) return e;
    const { name, message } = (e ?? {}) as { name?: unknown; message?: unknown };
    if (name === "AbortError") {
      return new ServiceError(Code.CANCELLED, "cancelled", { cause: e });
    }
    return new ServiceError(Code.INTERNAL, typeof message === "string" ? message : String(e), { cause: e });
  }
}

/** The beginning says what came, the end what was allowed. */
function shortened(message: string): string {
  if (message.length <= MESSAGE_CHARS_MAX) return message;
  const kept = MESSAGE_CHARS_MAX / 2 - 1;
  return `${message.slice(0, kept)}…${message.slice(-kept)}`;
}
