import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@infaas/runtime";
import { cpuWithChildrenMicroseconds } from "./cpu-time";
import type { BenchModel } from "./models";
import { cache } from "./system";

/** Packages of the peer: the wheel of Triton 2.51 with its Python backend, and what its models import. */
const packages = ["nvidia-pytriton==0.7.0", "onnxruntime==1.30.0", "numpy<3"];
const readyTimeoutMs = 60_000;
const readyPeriodMs = 200;
const maxBatch = 32;
const ports = { http: 18_090, grpc: 18_091, metrics: 18_092 };

/** A running Triton: its Python backend calls onnxruntime, with one thread and dynamic batching. */
export interface Triton {
  readonly address: string;
  /** CPU time of the server and its backend processes so far. */
  cpuMicroseconds(): number;
  stop(): Promise<void>;
}

/**
 * Installs Triton from PyPI where it is missing and serves `models`; rejects with the reason where that
 * fails.
 */
export async function startTriton(models: readonly BenchModel[]): Promise<Triton> {
  const folder = join(cache, "triton");
  const site = install(folder);
  const server = join(site, "pytriton", "tritonserver");
  const backends = join(folder, "backends");
  // The stub for the version of Python must stand beside the backend's library.
  mkdirSync(backends, { recursive: true });
  copy(join(server, "backends", "python"), backends);
  copy(
    join(server, "python_backend_stubs", pythonVersion(folder), "triton_python_backend_stub"),
    join(backends, "python"),
  );
  const repository = join(folder, "models");
  for (const model of models) writeModel(repository, model, site);
  const child = spawn(
    join(server, "bin", "tritonserver"),
    [
      `--model-repository=${repository}`,
      `--backend-directory=${backends}`,
      `--http-port=${ports.http}`,
      `--grpc-port=${ports.grpc}`,
      `--metrics-port=${ports.metrics}`,
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        LD_LIBRARY_PATH: `${join(site, "nvidia_pytriton.libs")}:${pythonLibraries(folder)}`,
      },
    },
  );
  const log = createWriteStream(join(folder, "server.log"));
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  await ready(child, join(folder, "server.log"));
  return {
    address: `127.0.0.1:${ports.grpc}`,
    cpuMicroseconds: () => cpuWithChildrenMicroseconds(child.pid ?? 0),
    async stop() {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGINT");
      await ended;
    },
  };
}

function install(folder: string): string {
  const python = join(folder, "bin", "python");
  if (!existsSync(python)) must("python3", ["-m", "venv", folder]);
  const site = must(python, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]);
  if (!existsSync(join(site, "pytriton"))) {
    must(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages]);
  }
  return site;
}

function pythonVersion(folder: string): string {
  return must(join(folder, "bin", "python"), ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
}

function pythonLibraries(folder: string): string {
  const question = "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))";
  return must(join(folder, "bin", "python"), ["-c", question]);
}

function copy(from: string, to: string): void {
  must("cp", ["-r", from, to]);
}

function must(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return stdout.trim();
  throw new Error(
    `Triton can't be set up here: '${command} ${args.join(" ")}' says ${stderr || error?.message}`,
  );
}

function writeModel(repository: string, { name, path, rowShape, outputs }: BenchModel, site: string): void {
  const folder = join(repository, name, "1");
  mkdirSync(folder, { recursive: true });
  const tensor = (tensorName: string, dims: readonly number[]) =>
    `[{ name: "${tensorName}" data_type: TYPE_FP32 dims: [${dims.join(", ")}] }]`;
  writeFileSync(
    join(repository, name, "config.pbtxt"),
    [
      `name: "${name}"`,
      'backend: "python"',
      `max_batch_size: ${maxBatch}`,
      `input ${tensor("x", rowShape)}`,
      `output ${tensor("y", [outputs])}`,
      "dynamic_batching { }",
      "instance_group [{ kind: KIND_CPU count: 1 }]",
      "",
    ].join("\n"),
  );
  writeFileSync(
    join(folder, "model.py"),
    `import sys
sys.path.insert(0, ${JSON.stringify(site)})
import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb


class TritonPythonModel:
    def initialize(self, args):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(${JSON.stringify(path)}, options)

    def execute(self, requests):
        rows = [pb.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        answers = self.session.run(None, {"x": np.concatenate(rows) if len(rows) > 1 else rows[0]})[0]
        responses = []
        at = 0
        for row in rows:
            responses.append(pb.InferenceResponse([pb.Tensor("y", answers[at : at + len(row)])]))
            at += len(row)
        return responses
`,
  );
}

async function ready(child: ChildProcess, log: string): Promise<void> {
  const deadlineMs = systemClock.nowMs() + readyTimeoutMs;
  while (systemClock.nowMs() < deadlineMs && child.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${ports.http}/v2/health/ready`).catch(() => null);
    if (answer?.ok) return;
    await new Promise<void>((resolve) => systemClock.setTimer(readyPeriodMs, resolve));
  }
  child.kill("SIGKILL");
  throw new Error(`Triton was not ready within ${readyTimeoutMs} ms; its log is ${log}`);
}
