import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./cluster";

jest.setTimeout(60_000);

/** Runs a program until it ends or logs `serving`; resolves with its exit status, null when it serves. */
function run(serving: RegExp, ...words: string[]): Promise<{ status: number | null; said: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, words, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    const hear = (chunk: Buffer) => {
      said += chunk.toString();
      if (!serving.test(said)) return;
      child.once("close", () => resolve({ status: null, said }));
      child.kill("SIGKILL");
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", (status) => {
      if (status !== null) resolve({ status, said });
    });
  });
}

describe("a process that is told to listen beyond the loopback interface", () => {
  const folder = mkdtempSync(join(tmpdir(), "infaas-exposed-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const metadata = ["services/metadata/dist/main.js", "--store", "memory", "--data-dir", folder];
  const executor = ["services/executor/dist/main.js", "--data-dir", folder];
  const frontend = ["services/frontend/dist/main.js", "--http-listen", "none"];
  const up = ["cli/bin/infaas.js", "up", "--zoo", "none", "--data-dir", folder];

  it.each([
    ["metadata", [...metadata, "--listen", "0.0.0.0:0"]],
    ["executor", [...executor, "--listen", "[::]:0"]],
    ["executor, by its links", [...executor, "--listen", "127.0.0.1:0", "--link-listen", "0.0.0.0:0"]],
    ["frontend", [...frontend, "--listen", "0.0.0.0:0"]],
    ["frontend, by its HTTP face", [...frontend, "--listen", "127.0.0.1:0", "--http-listen", "0.0.0.0:0"]],
  ])("%s refuses to start without TLS and a way to tell who calls", async (_, words) => {
    const { status, said } = await run(/"serving"|listens|is up/, ...words);
    expect([status, said]).toEqual([2, expect.stringMatching(/beyond the loopback interface.*--insecure/)]);
  });

  it("infaas up refuses as well, before it starts anything", async () => {
    const { status, said } = await run(/is up/, ...up, "--host", "0.0.0.0");
    expect([status, said]).toEqual([2, expect.stringMatching(/beyond the loopback interface.*--insecure/)]);
  });

  it.each([
    ["metadata", [...metadata, "--listen", "0.0.0.0:0"]],
    ["frontend", [...frontend, "--listen", "0.0.0.0:0"]],
  ])("%s starts all the same when it is told to be insecure", async (_, words) => {
    expect((await run(/"serving"|frontend listens/, ...words, "--insecure")).status).toBeNull();
  });
});
