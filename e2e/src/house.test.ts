import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { root } from "./cluster";
import { citedBy, missingPaths, missingTests } from "./house/documents";
import { importCircles, includeRoots, isTest, wrongImports } from "./house/imports";
import { lintRules } from "./house/lint-rules";
import { parseMap } from "./house/map";

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
const source = files.filter((f) => /\.(tsx?|cc|h|cu)$/.test(f)).filter(existing);
const sources = new Map(source.map((file) => [file, read(file)]));
const map = parseMap(read("docs/map.md"));
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
        /^(packages|services|cli|native\/[^/]+\/lib)\//.test(f) &&
        !f.startsWith("packages/runtime/") &&
        !f.endsWith(".test.ts") &&
        !f.includes("/testing/"),
    );
    const clocks = /\bDate\.now\b|\bsetTimeout\(|\bsetInterval\(|\bMath\.random\b|\bperformance\.now\b/;
    const turns = /\bqueueMicrotask\b|\bsetImmediate\b|\bprocess\.nextTick\b/;
    const usage = /\bprocess\.(cpuUsage|threadCpuUsage|memoryUsage|resourceUsage|hrtime|uptime)\b/;
    // The add-on's face imports no workspace, and so has the end of a turn in a file of its own.
    const turned = outside.filter((f) => f !== "native/cuda-batcher/lib/end-of-turn.ts");
    expect([clocks, usage].flatMap((pattern) => lines(pattern, outside))).toEqual([]);
    expect(lines(turns, turned)).toEqual([]);
  });

  it("exports by name", () => {
    expect(lines(/^export \*/, source)).toEqual([]);
  });

  it("keeps Node-API in the add-on's one folder", () => {
    const outside = source.filter(
      (f) => /\.(cc|h|cu)$/.test(f) && !/^native\/[^/]+\/src\/(addon|node_api)\//.test(f),
    );
    expect(lines(/#include [<"](napi|node_api|uv)\.h/, outside)).toEqual([]);
  });

  it("has etcd3 in one file", () => {
    const importers = lines(/from "etcd3"/, source).map((hit) => basename(hit.split(":")[0] ?? ""));
    expect([...new Set(importers)].filter((f) => !f.endsWith(".test.ts"))).toEqual(["etcd-store.ts"]);
  });
});

/** Folders of code, by the files that ship in each. */
const shipped = new Map<string, string[]>();
for (const file of source.filter((f) => !isTest(f))) {
  shipped.set(dirname(file), [...(shipped.get(dirname(file)) ?? []), basename(file)]);
}

describe("docs/map.md", () => {
  it("has a line for every folder of code inside a workspace, and none for a folder that is not there", () => {
    const scopes = [...new Set(map.folders.map((folder) => folder.replace(/(\/src)\/.*/, "$1")))];
    const inScope = source.map(dirname).filter((folder) => scopes.some((s) => folder.startsWith(`${s}/`)));
    const listed = (folder: string) =>
      map.folders.some((known) => known === folder || known.startsWith(`${folder}/`));
    expect([...new Set(inScope)].filter((folder) => !listed(folder))).toEqual([]);
    expect(
      map.folders.filter((known) => !inScope.some((f) => f === known || f.startsWith(`${known}/`))),
    ).toEqual([]);
  });

  it("allows every import that there is", () => {
    expect(wrongImports(map, sources)).toEqual([]);
  });

  it("has a place in an order for every file of a folder that has one", () => {
    const homeless = map.orders.flatMap(({ scope, rows }) =>
      readdirSync(join(root, scope), { withFileTypes: true })
        .map(({ name }) => name)
        .filter((name) => name !== "testing" && name !== "gen" && name !== "CMakeLists.txt")
        .filter((name) => !name.endsWith(".test.ts"))
        .filter((name) => !rows.flat().some((r) => r.split("/")[0] === name.replace(/\.\w+$/, "")))
        .map((name) => `${scope}/${name}`),
    );
    expect(homeless).toEqual([]);
  });

  it.each([
    ["services/frontend/src/view/catalog.ts", "../routing/router"],
    ["services/frontend/src/query/body.ts", "../servers/http/reply"],
    ["services/frontend/src/links/executor-pool.ts", "../telemetry/statistics"],
    ["services/executor/src/engines/engine-port.ts", "../instances/instance"],
    ["services/executor/src/profiling/measurement/profiler.ts", "../confinement/confined-profile"],
    ["services/metadata/src/store/store.ts", "../catalog/registry"],
    ["packages/runtime/src/security/tokens.ts", "../rpc/server/server"],
    ["packages/policy/src/cost.ts", "@infaas/api"],
    ["services/frontend/src/routing/selector.ts", "@infaas/executor"],
    ["services/executor/src/files/model-store.ts", "../testing/zoo"],
    ["native/cuda-batcher/src/scheduling/scheduler.cc", "running/batcher.h"],
    ["native/cuda-batcher/src/running/batcher.cc", "http2/server.h"],
    ["native/wire/src/sockets/poller.cc", "http2/connection.h"],
    ["native/cuda-batcher/src/serving/frame_server.cc", "net/outbox.h"],
  ])("does not allow %s to import %s", (file, target) => {
    const text = file.endsWith(".ts") ? `import "${target}";\n` : `#include "${target}"\n`;
    const seeded = new Map(sources).set(file, text + sources.get(file));
    expect(sources.has(file)).toBe(true);
    expect(wrongImports(map, seeded)).toHaveLength(1);
  });

  it("is what the linter holds", () => {
    const config = JSON.parse(read("biome.json")) as { overrides: unknown };
    const overrides = lintRules(map);
    if (process.env.WRITE_ROOMS === "1") {
      writeFileSync(join(root, "biome.json"), `${JSON.stringify({ ...config, overrides }, null, 2)}\n`);
    } else {
      expect(config.overrides).toEqual(overrides);
    }
  });
});

describe("folders and files", () => {
  it("import in no circle", () => {
    expect(importCircles(map, sources)).toEqual([]);
  });

  it("hold no more than 25 files that ship", () => {
    expect([...shipped].filter(([, names]) => names.length > 25).map(([folder]) => folder)).toEqual([]);
  });

  it.each([
    ["services/frontend/src", 20],
    ["services/executor/src", 16],
  ])("leave %s with at most %i entries at its top", (folder, most) => {
    const tracked = files.filter((f) => f.startsWith(`${folder}/`)).map((f) => f.split("/")[3]);
    expect(new Set(tracked).size).toBeLessThanOrEqual(most);
  });

  it("are no longer than 400 lines, but for a list of names", () => {
    const long = source.filter(
      (f) => !isTest(f) && !f.endsWith("/index.ts") && read(f).split("\n").length > 401,
    );
    expect(long).toEqual([]);
  });

  it("of the native projects have include prefixes of their own", () => {
    const [ours, wires] = includeRoots.map((path) => readdirSync(join(root, path)));
    expect(ours?.filter((name) => wires?.includes(name))).toEqual([]);
  });
});

describe("documents", () => {
  const tracked = new Set(files.filter(existing));
  const pages = files.filter((f) => f.endsWith(".md") && f !== "CHANGELOG.md").filter(existing);

  it.each(pages)("name no path in %s that is not there", (page) => {
    expect(missingPaths(page, read(page), tracked)).toEqual([]);
  });

  it("are there, and so are the decisions, that code cites", () => {
    const cited = [...sources].flatMap(([file, text]) => {
      const { pages, decisions } = citedBy(text);
      const numbers = decisions.filter((n) => !files.some((f) => f.startsWith(`docs/decisions/${n}-`)));
      return [...pages.filter((page) => !tracked.has(page)), ...numbers].map((what) => `${file}: ${what}`);
    });
    expect(cited).toEqual([]);
  });

  it("list every decision with its title", () => {
    const decisions = files.filter((f) => /^docs\/decisions\/\d{4}-/.test(f)).filter(existing);
    const index = read("docs/decisions/README.md");
    const lines = decisions.map((file) => {
      const [, number = "", title = ""] = /^# (\d{4}) (.+)$/m.exec(read(file)) ?? [];
      return `| [${number}](${basename(file)}) | ${title} |`;
    });
    expect(lines.filter((line) => !index.includes(line))).toEqual([]);
  });

  it("name for every kind of harm at least four tests that are there", () => {
    const named = (file: string) => (tracked.has(file) ? read(file) : "");
    expect(missingTests(read("docs/hostile-cases.md"), named)).toEqual([]);
    const seeded = "## 1. Floods\n\n- `e2e/src/house.test.ts`: holds back the sea\n";
    expect(missingTests(seeded, named)).toEqual([
      "1. Floods: 1 tests",
      "- `e2e/src/house.test.ts`: holds back the sea",
    ]);
  });

  it("are found missing when one is seeded", () => {
    const seeded = "see `services/nowhere/src/main.ts`, [that](docs/nothing), `packages/policy/` and `e2e/`";
    expect(missingPaths("README.md", seeded, tracked)).toEqual([
      "docs/nothing",
      "services/nowhere/src/main.ts",
    ]);
  });
});
