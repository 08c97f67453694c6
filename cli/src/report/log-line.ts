import { paint, type Screen, type Style } from "../terminal/screen";

const styles: Readonly<Record<string, Style>> = { error: "bad", warn: "warning", debug: "faint" };

/**
 * Returns one line of a process's log for people: when, which process, how severe, what, and its fields. What is no JSON, as the last
 * words of a crash are, stays as it is.
 */
export function logLine(process: string, line: string, screen: Pick<Screen, "colour">): string {
  const entry = entryOf(line);
  if (entry === null) return `${process}: ${line}`;
  const { time, level, message, service: _, ...fields } = entry;
  const severity = paint(screen, styles[String(level)] ?? "head", String(level).padEnd(5));
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${fieldText(value)}`);
  return [String(time), process, severity, String(message), ...rest].join(" ");
}

function entryOf(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(line);
    const isEntry = typeof parsed === "object" && parsed !== null && "time" in parsed && "message" in parsed;
    return isEntry ? (parsed as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

function fieldText(value: unknown): string {
  return typeof value === "string" && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
}
