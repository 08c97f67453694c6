import { logLine } from "./log-line";

describe("logLine", () => {
  it("tells when, who, how severe, what and the fields", () => {
    const line = JSON.stringify({
      time: "2026-11-30T22:03:10.811Z",
      level: "warn",
      service: "executor",
      message: "link lost",
      peer: "frontend-1",
      why: "it closed",
      attempts: 2,
    });
    expect(logLine("executor-1", line, { colour: false })).toBe(
      '2026-11-30T22:03:10.811Z executor-1 warn  link lost peer=frontend-1 why="it closed" attempts=2',
    );
  });

  it.each(["Segmentation fault", "{", '"text"', '{"a":1}'])("leaves %s as it is", (line) => {
    expect(logLine("metadata", line, { colour: false })).toBe(`metadata: ${line}`);
  });
});
