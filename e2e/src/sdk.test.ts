import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { Cluster, root } from "./cluster";

/** Output of one example, its commands included. */
type Printed = string;

const languages = ["python", "go", "java", "typescript"] as const;
/** Longest run: downloading and building everything takes two minutes on two busy cores. */
const exampleTimeoutMs = 400_000;
const runner = join(root, "sdk", "run.mjs");

/** Whether a language's tools are on this machine. */
function has(language: string): boolean {
  return spawnSync(process.execPath, [runner, language, "--check"]).status === 0;
}

/**
 * Generates, builds and runs one example; resolves with its output, which ends with the failure if it failed.
 */
function runExample(language: string, address: string): Promise<Printed> {
  return new Promise((done) => {
    const words = [runner, language, address];
    execFile(process.execPath, words, { cwd: root, timeout: exampleTimeoutMs }, (error, stdout, stderr) =>
      // Maven resets colours it never set.
      done(stripVTControlCharacters(`${stdout}${stderr}${error === null ? "" : `\n${error.message}`}`)),
    );
  });
}

describe("the SDK of", () => {
  const present = languages.filter(has);
  const printed = new Map<string, Printed>();

  beforeAll(async () => {
    const cluster = await Cluster.start({ zoo: "digits-logreg,digits-cnn-s" });
    try {
      const run = async (language: string) =>
        printed.set(language, await runExample(language, cluster.address));
      await Promise.all(present.map(run));
    } finally {
      await cluster.stop();
    }
  }, exampleTimeoutMs + 240_000);

  for (const language of languages) {
    describe(language, () => {
      if (!present.includes(language)) {
        it("is SKIPPED here: its own tools were not found", () => expect(has(language)).toBe(false));
        return;
      }

      it("asks by task with requirements and reads the receipt", () => {
        expect(printed.get(language)).toMatch(
          /^digit 7 by digits-\S+\n {2}accuracy 0\.9\d+ {2}batch \d+ {2}[\d.]+ ms {2}[\d.e-]+ USD$/m,
        );
      });

      it("reads the offers of a refusal from the status details", () => {
        expect(printed.get(language)).toMatch(
          /^refused: (FAILED_PRECONDITION|FailedPrecondition)\n {2}offer: relax accuracy, get digits-\S+ in [\d.]+ ms, accuracy 0\.9\d+$/m,
        );
      });

      if (language === "python")
        it("passes its own tests: arrays, streams, asyncio, registration", () => {
          expect(printed.get(language)).toMatch(/^Ran \d+ tests in [\d.]+s\n\nOK$/m);
        });

      it("asks by task over the stock protocol", () => {
        expect(printed.get(language)).toMatch(/^ModelInfer: digit 7 by digits-\S+$/m);
      });
    });
  }
});
