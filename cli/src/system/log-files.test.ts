import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogTail, logFilesOf } from "./log-files";

describe("logs of a data folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "log-files-"));
  const path = join(folder, "logs", "worker.log");
  beforeAll(() => mkdirSync(join(folder, "logs")));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("are those of its processes, and none is said with what to do", () => {
    expect(() => logFilesOf(folder)).toThrow("name the folder that 'infaas up' was started on");
    writeFileSync(path, "one\ntwo\nthree\n");
    writeFileSync(`${path}.1`, "older\n");
    expect(logFilesOf(folder)).toEqual([{ process: "worker", path }]);
  });

  it("begin with the last lines, and go on with whole ones", () => {
    const tail = new LogTail(path, 2);
    expect(tail.read()).toEqual(["two", "three"]);
    appendFileSync(path, "four\nfi");
    expect(tail.read()).toEqual(["four"]);
    appendFileSync(path, "ve\n");
    expect(tail.read()).toEqual(["five"]);
    expect(tail.read()).toEqual([]);
  });

  it("go on with the log that took one's place", () => {
    const tail = new LogTail(path, 1);
    expect(tail.read()).toEqual(["five"]);
    renameSync(path, `${path}.1`);
    expect(tail.read()).toEqual([]);
    writeFileSync(path, "six\n");
    expect(tail.read()).toEqual(["six"]);
  });
});
