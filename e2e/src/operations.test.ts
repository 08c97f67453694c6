import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./cluster";

const page = readFileSync(join(root, "docs", "operations.md"), "utf8");
const written = new Set(page.split("\n").map((line) => line.trim()));

/** Lines of `--help` as the program prints them now. */
function helpOf(...words: string[]): string[] {
  const { stdout, status } = spawnSync(process.execPath, words, { cwd: root, encoding: "utf8" });
  expect(status).toBe(0);
  return stdout
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

interface Limit {
  readonly name: string;
  readonly value: string;
  readonly file: string;
}

/** Rows of the page's table of named limits. */
const limits = page.split("\n").flatMap((line): Limit[] => {
  const [, name, value, file] = /^\| `(\w+)` \| `([^`]+)` \| (\S+\.(?:ts|cc|h)) \|/.exec(line) ?? [];
  return name === undefined || value === undefined || file === undefined ? [] : [{ name, value, file }];
});

describe("docs/operations.md", () => {
  it.each([
    ["cli/bin/infaas.js", "up"],
    ["services/metadata/dist/main.js"],
    ["services/executor/dist/main.js"],
    ["services/frontend/dist/main.js"],
  ])("has every option and metric that %s prints", (...program) => {
    const printed = helpOf(...program, "--help");
    expect(printed.length).toBeGreaterThan(10);
    expect(printed.filter((line) => !written.has(line))).toEqual([]);
  });

  it("names every limit with the value it has in the code", () => {
    expect(limits.length).toBeGreaterThan(20);
    const wrong = limits.filter(({ name, value, file }) => {
      const source = readFileSync(join(root, file), "utf8");
      return (
        !source.includes(`const ${name} = ${value};`) &&
        !source.includes(`constexpr size_t ${name} = ${value};`)
      );
    });
    expect(wrong).toEqual([]);
  });
});
