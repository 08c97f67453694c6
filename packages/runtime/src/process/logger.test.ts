import { Code, ServiceError } from "../errors";
import { createLogger } from "./logger";

describe("createLogger", () => {
  it("writes one JSON line per event at or above its level, with the fields of its parents", () => {
    const lines: string[] = [];
    const logger = createLogger({ service: "frontend", level: "info", write: (line) => lines.push(line) });
    logger.debug("too quiet");
    logger.child({ executor: "e1" }).warn("link lost", { attempt: 2, bytes: 10n });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith("\n")).toBe(true);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      level: "warn",
      service: "frontend",
      executor: "e1",
      message: "link lost",
      attempt: 2,
      bytes: "10",
    });
  });

  it("writes errors with code, cause and stack", () => {
    const lines: string[] = [];
    const error = new ServiceError(Code.INTERNAL, "gone", { cause: new Error("ECONNRESET") });
    createLogger({ service: "s", write: (line) => lines.push(line) }).error("failed", { error });
    expect(JSON.parse(lines[0] ?? "").error).toMatchObject({
      message: "gone",
      code: 13,
      cause: { message: "ECONNRESET" },
      stack: expect.stringContaining("logger.test"),
    });
  });
});

describe("a line", () => {
  it("holds no secrets, at any depth", () => {
    const lines: string[] = [];
    const logger = createLogger({ service: "s", write: (line) => lines.push(line) });
    const error = new Error("refused 'authorization: Bearer abc.def' of a caller");
    logger.warn("a call failed", { token: "t0p", headers: { authorization: "Bearer abc.def" }, error });
    expect(lines.join("")).not.toMatch(/t0p|abc\.def/);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      token: "[redacted]",
      headers: { authorization: "[redacted]" },
      error: { message: "refused 'authorization: Bearer [redacted] of a caller" },
    });
  });
});

describe("a text in a line", () => {
  it.each([
    [
      "etcd at https://root:hunter2@10.0.0.1:2379 is away",
      "etcd at https://[redacted]@10.0.0.1:2379 is away",
    ],
    ["/v2/models/m?access_token=hunter2&x=1", "/v2/models/m?access_token=[redacted]&x=1"],
    ["/v2?x=1&api-key=hunter2", "/v2?x=1&api-key=[redacted]"],
    ["http://127.0.0.1:8000/v2?rows=5", "http://127.0.0.1:8000/v2?rows=5"],
  ])("%s", (text, expected) => {
    const lines: string[] = [];
    createLogger({ service: "s", write: (line) => lines.push(line) }).info("m", {
      text,
      cause: new Error(text),
    });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ text: expected, cause: { message: expected } });
  });
});

describe("LogLevels", () => {
  it("switch a level by itself, for the logger and all its children", () => {
    const lines: string[] = [];
    const logger = createLogger({ service: "s", level: "warn", write: (line) => void lines.push(line) });
    const child = logger.child({ part: "p" });
    logger.levels.set("debug", true);
    logger.levels.set("warn", false);
    for (const level of ["debug", "info", "warn", "error"] as const) child[level](level);
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(["debug", "error"]);
  });
});
