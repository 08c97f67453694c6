import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
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

/** Where limits are kept as fields of one object. */
const faceLimits = [
  "packages/runtime/src/rpc/server-limits.ts",
  "services/frontend/src/servers/http/http-limits.ts",
];

/** Constants whose names look like limits, but which are the format of bytes that others defined. */
const formats = new Set(["varintBytesMax", "VARINT_BYTES_MAX", "ID_MAX"]);

/** TypeScript that runs in processes. */
const sources = ["packages", "services", "cli/src"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  )
  .filter((path) => /^(cli|(packages|services)\/[\w-]+)\/src\/.*\.ts$/.test(path))
  .filter((path) => !/\.test\.ts$|\/testing\/|\/gen\//.test(path));

/** Constants that are numbers and named after a bound: the most, a grace, a timeout. */
function namesOfLimits(source: string): string[] {
  const declared =
    /^(?:export )?const (\w*(?:MAX|Max|GRACE|Grace|TIMEOUT|Timeout)\w*) = ([\w\s*.()+-]*\d[\w\s*.()+-]*);$/gm;
  return [...source.matchAll(declared)].map(([, name]) => name ?? "");
}

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
      const written = [
        `const ${name} = ${value};`,
        `constexpr size_t ${name} = ${value};`,
        `constexpr double ${name} = ${value};`,
        `\n  ${name}: ${value},\n`,
      ];
      return !written.some((text) => source.includes(text));
    });
    expect(wrong).toEqual([]);
  });

  it("misses no constant of the code that is a limit by its name", () => {
    const listed = new Set(limits.map(({ name, file }) => `${file} ${name}`));
    const missed = sources.flatMap((file) =>
      namesOfLimits(readFileSync(join(root, file), "utf8"))
        .filter((name) => !formats.has(name))
        .map((name) => `${file} ${name}`),
    );
    expect(missed.filter((limit) => !listed.has(limit))).toEqual([]);
  });

  it("lists every field of the limits that faces have", () => {
    for (const file of faceLimits) {
      const source = readFileSync(join(root, file), "utf8");
      const fields = [...source.matchAll(/^ {2}(\w+): [\d_ *]+,$/gm)].map(([, name]) => name);
      expect(fields.length).toBeGreaterThan(1);
      const listed = limits.filter((limit) => limit.file === file).map(({ name }) => name);
      expect(listed.sort()).toEqual(fields.sort());
    }
  });
});
