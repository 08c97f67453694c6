import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Tensor } from "@infaas/client";
import { root } from "./cluster";

const script = join(root, "e2e", "clients", "node", "reference.cjs");

/** Output of one run of onnxruntime's own binding. */
export type ReferenceOutput = Omit<Tensor, "datatype">;

/** Runs a model file by onnxruntime's own JavaScript binding, once for each set of inputs. */
export async function referenceAnswers(
  path: string,
  runs: readonly (readonly Tensor[])[],
): Promise<readonly (readonly ReferenceOutput[])[]> {
  const child = spawn(process.execPath, [script], { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
  const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
  const ended = new Promise<number | null>((done) => child.once("close", done));
  child.stdin.end(JSON.stringify({ path, runs: runs.map((inputs) => inputs.map(encoded)) }));
  const status = await ended;
  if (status !== 0) throw new Error(`the reference ended with status ${status}: ${await stderr}`);
  const answers = JSON.parse(await stdout) as readonly (readonly Encoded[])[];
  return answers.map((outputs) => outputs.map(decoded));
}

interface Encoded extends Omit<ReferenceOutput, "bytes"> {
  readonly bytes: string;
}

function encoded(tensor: Tensor): object {
  return { ...tensor, bytes: Buffer.from(tensor.bytes).toString("base64") };
}

function decoded(output: Encoded): ReferenceOutput {
  return { ...output, bytes: Buffer.from(output.bytes, "base64") };
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}
