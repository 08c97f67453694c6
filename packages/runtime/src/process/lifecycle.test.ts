import { spawn } from "node:child_process";
import { once } from "node:events";
import { VirtualClock } from "../time/virtual-clock";
import { Lifecycle, STOP_STEP_MAX_MS } from "./lifecycle";
import { createLogger } from "./logger";

function silent(lines: string[] = []) {
  return createLogger({ service: "test", write: (line) => lines.push(line) });
}

describe("Lifecycle.stop", () => {
  it("closes in reverse order of opening, each after the one before has closed", async () => {
    const order: string[] = [];
    const lifecycle = new Lifecycle({ logger: silent() });
    lifecycle.onStop("store", () => void order.push("store"));
    lifecycle.onStop("server", async () => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push("server");
    });
    expect(lifecycle.signal.aborted).toBe(false);
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    expect(order).toEqual(["server", "store"]);
    expect(lifecycle.signal.aborted).toBe(true);
  });

  it("goes on past a part that fails and past one that never ends", async () => {
    const lines: string[] = [];
    const clock = new VirtualClock();
    const lifecycle = new Lifecycle({ clock, logger: silent(lines) });
    let closed = false;
    lifecycle.onStop("last", () => {
      closed = true;
    });
    lifecycle.onStop("stuck", () => new Promise(() => {}));
    lifecycle.onStop("broken", () => {
      throw new Error("broken pipe");
    });
    const stopped = lifecycle.stop();
    await clock.advance(STOP_STEP_MAX_MS);
    await stopped;
    expect(closed).toBe(true);
    expect(lines.map((line) => JSON.parse(line).part)).toEqual(["broken", "stuck"]);
  });

  it("closes at once what is opened while it stops", async () => {
    const lifecycle = new Lifecycle({ logger: silent() });
    const first = lifecycle.stop();
    let closed = false;
    lifecycle.onStop("late", () => {
      closed = true;
    });
    await first;
    await lifecycle.stop();
    expect(closed).toBe(true);
  });
});

describe("runMain", () => {
  const run = (body: string) => {
    const code = `require("@swc/core"); const { transformSync } = require("@swc/core"); const fs = require("fs");
      require.extensions[".ts"] = (m, f) => m._compile(transformSync(fs.readFileSync(f, "utf8"), { filename: f,
        jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } }).code, f);
      const { runMain } = require(${JSON.stringify(require.resolve("./lifecycle"))}); ${body}`;
    return spawn(process.execPath, ["-e", code], { cwd: __dirname, stdio: ["ignore", "pipe", "pipe"] });
  };
  const textOf = async (stream: NodeJS.ReadableStream): Promise<string> => {
    let text = "";
    for await (const chunk of stream) text += chunk;
    return text;
  };

  it("stops in order on SIGTERM and exits with 0", async () => {
    const child = run(`runMain(async (l) => { const t = setInterval(() => {}, 1000);
      l.onStop("timer", () => { clearInterval(t); process.stdout.write("closed"); }); process.stdout.write("open "); });`);
    const exit = once(child, "exit");
    const [first] = await once(child.stdout, "data");
    expect(String(first)).toBe("open ");
    child.kill("SIGTERM");
    expect(await textOf(child.stdout)).toBe("closed");
    expect(await exit).toEqual([0, null]);
  });

  it("closes what was opened, tells the fault and exits with 1 when main fails", async () => {
    const child = run(`runMain(async (l) => { l.onStop("part", () => process.stdout.write("closed"));
      throw new Error("port is taken"); });`);
    const exit = once(child, "exit");
    const [out, err] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    expect(out).toBe("closed");
    expect(JSON.parse(err)).toMatchObject({ level: "error", message: "port is taken" });
    expect(await exit).toEqual([1, null]);
  });
});
