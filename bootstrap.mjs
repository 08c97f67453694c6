#!/usr/bin/env node
/**
 * From a fresh clone to a running command: `node bootstrap.mjs start|test|build|bench [options]`.
 * Plain JavaScript on Node's own modules only, because it runs before anything is installed. Every step is skipped
 * when a digest of its inputs is unchanged, so a second start costs milliseconds.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const stampsPath = join(root, ".cache", "stamps.json");
const skipped = new Set(["node_modules", "dist", "build", "gen", ".cache", ".infaas", ".git"]);

/** What has to be on the machine, and the sentence that says what to do when it is not. */
const required = [
  { command: "g++", advice: "a C++17 compiler (Debian/Ubuntu: apt-get install g++)" },
  { command: "cmake", advice: "cmake 3.18 or newer (Debian/Ubuntu: apt-get install cmake)" },
];

/** Tests and their support are a TypeScript project of their own, so that nothing of them is compiled into what ships. */
const tests = (workspace) => `${workspace}/tsconfig.test.json`;

/** Build steps in order: what they read, what must exist afterwards, and the command. */
const steps = [
  {
    name: "install",
    title: "installing npm packages",
    inputs: () => files("package-lock.json"),
    output: "node_modules/.package-lock.json",
    command: ["npm", "ci", "--no-audit", "--no-fund"],
  },
  {
    name: "generate",
    title: "generating code from proto/",
    inputs: () => [...files("proto", ".proto"), ...files("buf.gen.yaml")],
    output: "packages/api/src/gen",
    command: ["npx", "buf", "generate"],
  },
  {
    name: "native",
    title: "building the native batcher",
    inputs: () => [
      ...files("CMakeLists.txt"),
      ...files("native/cuda-batcher/CMakeLists.txt"),
      ...files("native/cuda-batcher/package.json"),
      ...files("native/cuda-batcher/src", ".cc", ".h", ".cu", ".txt"),
      ...layouts("cuda-batcher"),
      ...["frames", "sockets", "loading"].flatMap((shared) => files(`native/wire/src/${shared}`)),
    ],
    output: "native/cuda-batcher/build/Release",
    // A CUDA compiler that came or went changes what is built.
    salt: () => `${process.env.CUDACXX ?? ""}${existsSync(join(root, "native/cuda-batcher/.cache/cuda"))}`,
    command: ["npm", "run", "--silent", "build:native", "-w", "@infaas/cuda-batcher"],
  },
  {
    name: "wire",
    title: "building the native wire",
    inputs: () => [
      ...files("native/wire/CMakeLists.txt"),
      ...files("native/wire/package.json"),
      ...files("native/wire/src", ".cc", ".h", ".txt"),
      ...layouts("wire"),
    ],
    output: "native/wire/build/Release",
    command: ["npm", "run", "--silent", "build:native", "-w", "@infaas/wire"],
  },
  {
    name: "compile",
    title: "compiling TypeScript",
    inputs: () =>
      [
        "packages",
        "services",
        "native/cuda-batcher/lib",
        "native/cuda-batcher/test",
        "native/wire/lib",
        "native/wire/test",
        "cli",
        "console",
        "bench",
        "e2e",
      ].flatMap((d) => files(d, ".ts", ".tsx", "tsconfig.json", "tsconfig.test.json")),
    output: "cli/dist",
    command: [
      "npx",
      "tsc",
      "-b",
      "cli",
      ...[
        "packages/policy",
        "packages/api",
        "packages/onnx",
        "packages/client",
        "packages/runtime",
        "packages/cluster",
        "packages/adapters",
        "cli",
      ].map(tests),
      ...["services/frontend", "services/metadata", "services/executor"].map(tests),
      "native/cuda-batcher/test",
      "native/wire/test",
      "console",
      "bench",
      "e2e",
    ],
    // What protobuf generated is an input too, but lies in a folder that is not scanned.
    after: "generate",
  },
  {
    name: "console",
    title: "bundling the console",
    inputs: () => [
      ...files("console", "package.json", ".ts", ".tsx", ".css", ".html"),
      ...files("packages/api/src"),
    ],
    output: "console/dist/console.js",
    command: ["npm", "run", "--silent", "build", "-w", "@infaas/console"],
    after: "compile",
  },
];

/** What the C++ headers of an add-on's layouts are made from. */
function layouts(addon) {
  return [
    ...files("native/layout_header.mjs"),
    ...files("native/layout_header.cmake"),
    ...files(`native/${addon}/lib`, "-layout.ts"),
  ];
}

function files(path, ...endings) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (statSync(full).isFile()) return [full];
  return readdirSync(full, { withFileTypes: true })
    .filter((entry) => !skipped.has(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const child = join(path, entry.name);
      if (entry.isDirectory()) return files(child, ...endings);
      return endings.length === 0 || endings.some((end) => entry.name.endsWith(end))
        ? [join(root, child)]
        : [];
    });
}

function digest(paths, salt) {
  const hash = createHash("sha256").update(`${process.version} ${process.arch} ${salt}`);
  for (const path of paths)
    hash.update(path.slice(root.length)).update("\0").update(readFileSync(path)).update("\0");
  return hash.digest("hex");
}

function fail(message) {
  process.stderr.write(`infaas: ${message}\n`);
  process.exit(1);
}

function checkMachine() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 17)) {
    fail(`Node ${process.versions.node} is too old: 20.17 or newer is needed.`);
  }
  for (const { command, advice } of required) {
    if (spawnSync(command, ["--version"], { stdio: "ignore" }).status !== 0) {
      fail(`${command} was not found: building the native batcher needs ${advice}.`);
    }
  }
}

function run(command, options = {}) {
  const [program, ...args] = command;
  return spawnSync(program, args, { cwd: root, stdio: "inherit", ...options }).status ?? 1;
}

/** Brings every build step up to date; prints only what it really does. */
function setUp() {
  const stamps = existsSync(stampsPath) ? JSON.parse(readFileSync(stampsPath, "utf8")) : {};
  let machineChecked = false;
  for (const step of steps) {
    const now = digest(step.inputs(), `${stamps[step.after] ?? ""}${step.salt?.() ?? ""}`);
    if (stamps[step.name] === now && existsSync(join(root, step.output))) continue;
    if (!machineChecked) checkMachine();
    machineChecked = true;
    const startedAt = Date.now();
    process.stderr.write(`• ${step.title} … `);
    const result = spawnSync(step.command[0], step.command.slice(1), {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    if (result.status !== 0) {
      process.stderr.write(`failed\n${result.stdout ?? ""}${result.stderr ?? ""}`);
      fail(`'${step.command.join(" ")}' failed; the reason is above.`);
    }
    process.stderr.write(`${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
    stamps[step.name] = now;
    mkdirSync(dirname(stampsPath), { recursive: true });
    writeFileSync(stampsPath, `${JSON.stringify(stamps, null, 2)}\n`);
  }
}

const [verb = "build", ...rest] = process.argv.slice(2);
const verbs = {
  build: () => 0,
  start: () => run([process.execPath, "cli/bin/infaas.js", "up", ...rest]),
  test: () => run([process.execPath, "test-runners.mjs", ...rest]),
  bench: () => run([process.execPath, "bench/dist/main.js", ...rest]),
};
if (verbs[verb] === undefined) fail(`unknown verb '${verb}': one of ${Object.keys(verbs).join(", ")}.`);
if (!existsSync(join(root, "package-lock.json")))
  fail("package-lock.json is missing: is this a whole clone?");
setUp();
process.exitCode = verbs[verb]();
