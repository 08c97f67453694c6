import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Tensor } from "@infaas/client";
import { root } from "./cluster";
import { pythonWith } from "./python-environment";

const script = join(root, "e2e", "clients", "python", "engine.py");
/** The engine of the same version as the system's own, see `onnxruntime-node` in the lock file. */
const requirements = ["onnxruntime==1.30.0", "numpy==2.3.5"];

/** What onnxruntime answered to one set of inputs, or why it did not. */
export type ReferenceAnswer = { readonly outputs: readonly Tensor[] } | { readonly fault: string };

/** What onnxruntime makes of one file: one answer for each set of inputs, or why it does not open it. */
export type ReferenceAnswers = { readonly answers: readonly ReferenceAnswer[] } | { readonly fault: string };

/** onnxruntime by its own Python binding, in a process that is started again where a model has ended it. */
export class ReferenceEngine {
  private child: ChildProcess | null = null;
  private lines: Interface | null = null;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(private readonly python: string) {}

  /** Installs the engine under .cache once; rejects with pip's output. */
  static async open(): Promise<ReferenceEngine> {
    return new ReferenceEngine(await pythonWith(requirements));
  }

  /** Runs a model file once for each set of inputs. */
  answers(path: string, runs: readonly (readonly Tensor[])[]): Promise<ReferenceAnswers> {
    const asked = this.last.then(() =>
      this.ask(JSON.stringify({ path, runs: runs.map((run) => run.map(encoded)) })),
    );
    this.last = asked.catch(() => undefined);
    return asked;
  }

  close(): void {
    this.child?.kill();
    this.child = null;
  }

  private async ask(line: string): Promise<ReferenceAnswers> {
    const { child, lines } = this.started();
    return await new Promise((resolve) => {
      const ended = () => {
        this.child = null;
        resolve({ fault: `onnxruntime's process ended by ${child.signalCode ?? child.exitCode}` });
      };
      child.once("exit", ended);
      lines.once("line", (answer) => {
        child.off("exit", ended);
        resolve(decoded(JSON.parse(answer)));
      });
      child.stdin?.write(`${line}\n`);
    });
  }

  private started(): { readonly child: ChildProcess; readonly lines: Interface } {
    if (this.child !== null && this.lines !== null) return { child: this.child, lines: this.lines };
    const child = spawn(this.python, [script], { stdio: ["pipe", "pipe", "ignore"] });
    child.stdin?.on("error", () => undefined);
    const lines = createInterface({ input: child.stdout! });
    this.child = child;
    this.lines = lines;
    return { child, lines };
  }
}

interface Encoded extends Omit<Tensor, "bytes"> {
  readonly bytes: string;
}

type EncodedAnswers =
  | { readonly answers: readonly ({ readonly outputs: readonly Encoded[] } | { readonly fault: string })[] }
  | { readonly fault: string };

function encoded(tensor: Tensor): Encoded {
  return { ...tensor, bytes: Buffer.from(tensor.bytes).toString("base64") };
}

function decoded(told: EncodedAnswers): ReferenceAnswers {
  if ("fault" in told) return told;
  const answers = told.answers.map((answer) =>
    "fault" in answer
      ? answer
      : { outputs: answer.outputs.map((o) => ({ ...o, bytes: Buffer.from(o.bytes, "base64") })) },
  );
  return { answers };
}
