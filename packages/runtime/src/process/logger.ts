import { systemClock } from "../time/clock";
import { writeLogLine } from "./lost-output";

/** Severity of a line, least severe first. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * Writes one line per event. Fields are plain values; an Error among them is written with its cause and
 * stack.
 */
export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  /** Which levels are written; shared by all children, and may be changed at any time. */
  readonly levels: LogLevels;
  /** Returns a logger that adds `fields` to every line. */
  child(fields: object): Logger;
}

const ordered: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** The levels that are written, each switched by itself. */
export class LogLevels {
  private readonly on: Set<LogLevel>;

  /** Levels from `least` up are on. */
  constructor(least: LogLevel) {
    this.on = new Set(ordered.slice(ordered.indexOf(least)));
  }

  isOn(level: LogLevel): boolean {
    return this.on.has(level);
  }

  set(level: LogLevel, on: boolean): void {
    if (on) this.on.add(level);
    else this.on.delete(level);
  }
}

/** Returns a logger of JSON lines, on standard error unless `write` is given. Level `info` unless told. */
export function createLogger(o: {
  service: string;
  level?: LogLevel;
  write?: (line: string) => void;
}): Logger {
  const levels = new LogLevels(o.level ?? "info");
  const write = o.write ?? writeLogLine;
  const make = (base: object): Logger => {
    const log =
      (level: LogLevel) =>
      (message: string, fields: object = {}): void => {
        if (!levels.isOn(level)) return;
        const line = {
          time: new Date(systemClock.epochMs()).toISOString(),
          level,
          ...base,
          message,
          ...fields,
        };
        write(`${JSON.stringify(line, readable)}\n`);
      };
    return {
      debug: log("debug"),
      info: log("info"),
      warn: log("warn"),
      error: log("error"),
      levels,
      child: (fields) => make({ ...base, ...fields }),
    };
  };
  return make({ service: o.service });
}

/** Names of fields whose values are secret. */
const SECRET_FIELD = /token|authorization|password|secret|private.?key/i;
/** A bearer token quoted in a text. */
const BEARER = /\bbearer\s+\S+/gi;
/** A name and password in an address, and what a query string says under a name of a secret. */
const ADDRESS_SECRET = /(:\/\/)[^/\s@]+@/g;
const QUERY_SECRET = /([?&][\w.-]*(?:token|authorization|password|secret|key)[\w.-]*=)[^&\s#]+/gi;
const REDACTED = "[redacted]";

function withoutSecrets(text: string): string {
  return text
    .replace(BEARER, `Bearer ${REDACTED}`)
    .replace(ADDRESS_SECRET, `$1${REDACTED}@`)
    .replace(QUERY_SECRET, `$1${REDACTED}`);
}

/** Hides secrets, and converts what JSON has no form for: errors, big integers, maps. */
function readable(key: string, value: unknown): unknown {
  if (SECRET_FIELD.test(key)) return REDACTED;
  if (typeof value === "string") return withoutSecrets(value);
  if (value instanceof Error) {
    const { code } = value as { code?: unknown };
    return { message: value.message, code, cause: value.cause, stack: value.stack };
  }
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Map) return Object.fromEntries(value);
  return value;
}
