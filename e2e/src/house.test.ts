import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { root } from "./cluster";

/** What is committed or about to be: tracked files and untracked ones that are not ignored. */
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter(Boolean);
const read = (file: string) => readFileSync(join(root, file), "utf8");
const existing = (file: string) => {
  try {
    return read(file) !== undefined;
  } catch {
    return false;
  }
};
const source = files.filter((f) => /\.(ts|cc|h|cu)$/.test(f)).filter(existing);
const lines = (pattern: RegExp, among: readonly string[]) =>
  among.flatMap((file) =>
    read(file)
      .split("\n")
      .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );

describe("the house", () => {
  it("has no folder for what was not understood", () => {
    const banned = new Set(["utils", "common", "shared", "helpers", "types", "scripts", "misc"]);
    const folders = new Set(files.flatMap((file) => dirname(file).split("/")));
    // OTLP's own package is called common; its path on disk follows its package.
    const own = [...folders].filter(
      (f) => banned.has(f) && !files.some((x) => x.includes(`opentelemetry/proto/${f}/`)),
    );
    expect(own).toEqual([]);
  });

  it("keeps time, timers and randomness in runtime", () => {
    const outside = source.filter(
      (f) =>
        /^(packages|services|cli)\//.test(f) &&
        !f.startsWith("packages/runtime/") &&
        !f.endsWith(".test.ts") &&
        !f.includes("/fixtures/"),
    );
    expect(
      lines(/\bDate\.now\(|\bsetTimeout\(|\bsetInterval\(|\bMath\.random\(|\bperformance\.now\(/, outside),
    ).toEqual([]);
  });

  it("exports by name", () => {
    expect(lines(/^export \*/, source)).toEqual([]);
  });

  it("keeps Node-API in the add-on's one folder", () => {
    const outside = source.filter((f) => /\.(cc|h|cu)$/.test(f) && !/^native\/[^/]+\/src\/addon\//.test(f));
    expect(lines(/#include [<"](napi|node_api|uv)\.h/, outside)).toEqual([]);
  });

  it.each([
    ["core", /#include "(cuda|tensorrt|onnxruntime|link|addon)\//],
    ["link", /#include "(cuda|tensorrt|onnxruntime|addon)\//],
    ["cuda", /#include "(tensorrt|onnxruntime|addon)\//],
    ["tensorrt", /#include "(cuda|onnxruntime|addon)\//],
    ["onnxruntime", /#include "(cuda|tensorrt|addon)\//],
  ])("lets %s include only what the architecture allows", (folder, forbidden) => {
    const inside = source.filter((f) => f.startsWith(`native/cuda-batcher/src/${folder}/`));
    expect(inside.length).toBeGreaterThan(0);
    expect(lines(forbidden, inside)).toEqual([]);
  });

  it("has etcd3 in one file", () => {
    const importers = lines(/from "etcd3"/, source).map((hit) => basename(hit.split(":")[0] ?? ""));
    expect([...new Set(importers)].filter((f) => !f.endsWith(".test.ts"))).toEqual(["etcd-store.ts"]);
  });
});
