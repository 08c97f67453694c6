import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createInfaasClient } from "@infaas/client";
import { eventually, root } from "./cluster";
import { validationRow } from "./validation";

const task = "digit-classification/uci-digits";
const anyPort = "[::1]:0";

/** Three processes that listen on the IPv6 loopback alone: everything they say to each other goes over it. */
describe("a system on [::1]", () => {
  const folder = mkdtempSync(join(tmpdir(), "infaas-ipv6-"));
  const processes: ChildProcess[] = [];
  let metadata = "";

  /** Starts a service; resolves with what the line of its log says in which it tells where it listens. */
  async function start(service: string, ...args: string[]): Promise<Record<string, unknown>> {
    const main = join(root, "services", service, "dist", "main.js");
    const child = spawn(process.execPath, [main, "--listen", anyPort, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    processes.push(child);
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      lines.push(line);
      const said = line.startsWith("{") ? JSON.parse(line) : {};
      if (said.message !== "serving" && said.message !== "frontend listens") continue;
      child.stderr.resume();
      return said;
    }
    throw new Error(`${service} ended before it served:\n${lines.join("\n")}`);
  }

  beforeAll(async () => {
    const { address, port } = await start("metadata", "--data-dir", join(folder, "metadata"));
    metadata = String(address ?? `[::1]:${port}`);
    const place = ["--metadata", metadata, "--data-dir", join(folder, "executor")];
    await start("executor", "--name", "executor-1", ...place, "--link-listen", anyPort, "--cores", "1");
  }, 60_000);
  afterAll(async () => {
    await Promise.all(
      processes.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      }),
    );
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(["native", "grpc"])(
    "answers over gRPC and over HTTP, with ingress %s",
    async (ingress) => {
      const args = ["--metadata", metadata, "--name", `frontend-${ingress}`, "--ingress", ingress];
      const said = await start("frontend", ...args, "--http-listen", anyPort);
      expect(said).toMatchObject({
        address: expect.stringMatching(/^\[::1\]:\d+$/),
        http: expect.stringMatching(/^\[::1\]:\d+$/),
      });
      const client = createInfaasClient(String(said.address));
      await eventually("the executor is there", 20_000, async () => {
        const { executors } = await client.status();
        return executors.some((executor) => executor.accepting);
      });
      const path = join(root, "zoo", "models", "digits-mlp-s.onnx");
      await client.register({ path, name: "digits-mlp-s", declaredAccuracy: 0.9 });
      const { input } = validationRow(task, 0);
      const { outputs } = await client.query("digits-mlp-s", [input], {}, { timeoutMs: 30_000 });
      expect(outputs[0]?.bytes.length).toBe(40);
      const tensor = { ...input, shape: [...input.shape], data: [...new Float32Array(64)], bytes: undefined };
      const answer = await fetch(`http://${said.http}/v2/models/digits-mlp-s/infer`, {
        method: "POST",
        body: JSON.stringify({ inputs: [tensor] }),
      });
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({ outputs: [{ shape: [1, 10] }] });
      client.close();
    },
    120_000,
  );
});
