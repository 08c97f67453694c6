import { mkdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { createInfaasClient, type InfaasClient } from "@infaas/client";
import { Code, ServiceError, sleep, surviveLostOutput, systemClock } from "@infaas/runtime";
import type { Arguments, Verb } from "../command/verb";
import { mustBeFolder } from "../files/named-file";
import { hostsPlan } from "../hosts/hosts-plan";
import { openLocalHosts } from "../hosts/open-local-hosts";
import { ModelFolder } from "../model-folder/model-folder";
import { registerWithProgress } from "../register-with-progress";
import {
  addressesOf,
  type ClusterPlan,
  consoleFolder,
  executorOf,
  hostOf,
  ownEtcdAddress,
  portRange,
  processesOf,
} from "../system/cluster";
import { clusterSecurity, clusterSecurityOptions, memberConnection } from "../system/cluster-security";
import { etcdProcess } from "../system/etcd";
import { mustBeFree } from "../system/free-ports";
import { ProcessGroup } from "../system/process-group";
import { claimFolder } from "../system/supervisor";
import { listSchema, numberSchema, objectSchema, textSchema } from "../terminal/json-schema";
import type { Terminal } from "../terminal/terminal";
import { registerZoo } from "../zoo";

/** Longest start of the whole system, milliseconds. */
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
/** Executors of one system on one machine. */
const EXECUTORS_MAX = 64;

/** `infaas up`: starts a whole system on this machine and supervises it until Ctrl-C. */
export const up: Verb = {
  name: "up",
  usage: "",
  summary: "start the whole system on this machine; Ctrl-C stops it",
  options: {
    executors: { type: "number", doc: "Executor processes, with --hosts static.", default: 1 },
    hosts: {
      type: "string",
      doc: "static: --executors stay as they are; local: executors on this machine come and go with demand.",
      default: "static",
    },
    "min-hosts": {
      type: "number",
      doc: "With --hosts local: executors there are at the least; 0: none while nothing is asked.",
      default: 1,
    },
    "max-hosts": { type: "number", doc: "With --hosts local: executors there are at the most.", default: 3 },
    "host-cores": {
      type: "number",
      doc: "With --hosts local: CPU time of each executor in cores, enforced by a cgroup where one can be made; else it is said how far.",
      default: 1,
    },
    "billing-minimum": {
      type: "number",
      doc: "With --hosts local: seconds from its start that an executor is paid for at the least; it stays as long.",
      default: 0,
    },
    device: {
      type: "string",
      doc: "With --hosts static: device of each executor beside the CPU, `cuda:0` or, made of the CPU, `host`.",
    },
    store: { type: "string", doc: "Where records are kept: embedded, memory or etcd.", default: "embedded" },
    etcd: { type: "string", doc: "host:port of a running etcd; without it, --store etcd starts one here." },
    "data-dir": { type: "string", doc: "State of the whole system.", default: ".infaas" },
    port: {
      type: "number",
      ...portRange,
      doc: "The frontend's gRPC port; its HTTP face at -1, metadata at +100, executors from +200, etcd at +300 and +301.",
      default: 8001,
    },
    "otlp-endpoint": {
      type: "string",
      doc: "OpenTelemetry collector for traces and metrics, for example http://127.0.0.1:4317; else env OTEL_EXPORTER_OTLP_ENDPOINT.",
    },
    "trace-sample": {
      type: "number",
      unit: "share",
      least: 0,
      most: 1,
      doc: "Share of queries that are traced, 0.01 or 1%; else env OTEL_TRACES_SAMPLER, else 0.01.",
    },
    ...clusterSecurityOptions,
    models: {
      type: "string",
      doc: "Folder of models to serve, watched: NAME.onnx, NAME/model.onnx, or Triton's NAME/VERSION/model.onnx.",
    },
    zoo: {
      type: "string",
      doc: "Models of zoo/ to register: all, none, or names separated by commas; all unless told, none with --models.",
    },
  },
  outcome: objectSchema({
    frontend: textSchema,
    http: textSchema,
    metadata: textSchema,
    executors: listSchema(textSchema),
    dataFolder: textSchema,
    tookMs: numberSchema,
  }),
  async run(args, terminal) {
    surviveLostOutput();
    const plan = planOf(args);
    const { frontend, http, metadata, executors } = addressesOf(plan);
    mkdirSync(plan.dataFolder, { recursive: true });
    const release = claimFolder(plan.dataFolder, ({ pid }) =>
      terminal.note(
        `process ${pid} ran this system and was killed; this one goes on with ${plan.dataFolder}`,
      ),
    );
    process.once("exit", release);
    await mustBeFree([frontend, http, metadata, ...executors]);
    const stopped = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.abort());
    const group = new ProcessGroup({
      folder: plan.dataFolder,
      note: (line) => terminal.note(line),
      onLoss: (error) => stopped.abort(error),
    });
    const connection = memberConnection(args, plan.security);
    const client = createInfaasClient(frontend, connection);
    const { hosts } = plan;
    const localHosts =
      hosts === null
        ? null
        : openLocalHosts(hosts, {
            ...hostOf(plan),
            metadata,
            connection,
            group,
            executorOf: (number) => executorOf(plan, number),
            note: (line) => terminal.note(line),
          });
    const models = modelFolder(args, { plan, client, terminal });
    try {
      const etcd = plan.store === "etcd" && args.text("etcd") === undefined;
      if (etcd) group.start(etcdProcess(plan.root, join(plan.dataFolder, "etcd"), plan.etcdAddress));
      for (const spec of processesOf(plan)) group.start(spec);
      localHosts?.start();
      const startedAtMs = systemClock.nowMs();
      await untilReady(client, plan, stopped.signal);
      const chosen = args.text("zoo") ?? (models === null ? "all" : "none");
      const zoo = registerZoo(client, { folder: join(plan.root, "zoo"), chosen, terminal });
      await orStopped(zoo, stopped.signal);
      if (models !== null) await orStopped(models.serve(), stopped.signal);
      models?.watch();
      group.keepUp();
      greet(plan, { chosen, tookMs: systemClock.nowMs() - startedAtMs }, terminal);
      await new Promise<void>((done) => {
        if (stopped.signal.aborted) done();
        stopped.signal.addEventListener("abort", () => done());
      });
    } finally {
      client.close();
      await Promise.all([models?.stop(), localHosts?.stop(), group.stop()]);
    }
    if (stopped.signal.reason instanceof ServiceError) throw stopped.signal.reason;
    terminal.note("stopped");
  },
};

function planOf(args: Arguments): ClusterPlan {
  const store = args.text("store");
  if (store !== "embedded" && store !== "memory" && store !== "etcd") {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `--store is '${store}'; it may be embedded, memory or etcd`,
    );
  }
  const executors = args.number("executors") ?? 1;
  if (!Number.isInteger(executors) || executors < 1 || executors > EXECUTORS_MAX) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `--executors is ${executors}; it may be 1 to ${EXECUTORS_MAX}`,
    );
  }
  const hosts = hostsPlan(args, EXECUTORS_MAX);
  const device = args.text("device");
  if (device !== undefined && hosts !== null)
    throw new ServiceError(Code.INVALID_ARGUMENT, "--device is for --hosts static, whose executors stay");
  const port = args.number("port") ?? 8001;
  const dataFolder = resolve(args.text("data-dir") ?? ".infaas");
  return {
    root: resolve(__dirname, "..", "..", ".."),
    dataFolder,
    executorCount: hosts?.minHosts ?? executors,
    hosts,
    device,
    store,
    etcdAddress: args.text("etcd") ?? ownEtcdAddress(port),
    port,
    otlpEndpoint: args.text("otlp-endpoint"),
    traceSample: args.number("trace-sample"),
    host: args.text("host") ?? "127.0.0.1",
    security: clusterSecurity(args, { dataFolder, port }),
  };
}

/** The folder of models that the arguments name; null: none. @throws ServiceError INVALID_ARGUMENT where it cannot be read. */
function modelFolder(
  args: Arguments,
  { plan, client, terminal }: { plan: ClusterPlan; client: InfaasClient; terminal: Terminal },
): ModelFolder | null {
  const named = args.text("models");
  if (named === undefined) return null;
  mustBeFolder("--models", named);
  return new ModelFolder({
    folder: resolve(named),
    record: join(plan.dataFolder, "model-folder.json"),
    client,
    clock: systemClock,
    register: (registration) => registerWithProgress(client, registration, terminal),
    note: (line) => terminal.note(line),
  });
}

/**
 * Resolves when the frontend knows every executor; throws the error of a process that exited, or UNAVAILABLE
 * after the bound.
 */
async function untilReady(client: InfaasClient, plan: ClusterPlan, stopped: AbortSignal): Promise<void> {
  const giveUpAtMs = systemClock.nowMs() + START_TIMEOUT_MS;
  let last = "no answer";
  while (systemClock.nowMs() < giveUpAtMs && !stopped.aborted) {
    try {
      const { executors, scaling } = await client.status();
      const accepting = executors.filter((e) => e.accepting).length;
      // Where there may be none, what is registered waits for the leader to start one.
      const isThere = plan.executorCount > 0 || scaling !== undefined;
      if (isThere && accepting >= plan.executorCount) return;
      last = `${accepting} of ${plan.executorCount} executors are there${isThere ? "" : ", and nobody starts any yet"}`;
    } catch (error) {
      last = ServiceError.from(error).message;
    }
    await sleep(systemClock, POLL_MS, stopped);
  }
  stopped.throwIfAborted();
  throw new ServiceError(Code.UNAVAILABLE, `the system was not up within ${START_TIMEOUT_MS} ms: ${last}`);
}

/** Settles with `work`, or rejects as soon as the system stops. */
function orStopped<T>(work: Promise<T>, stopped: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    stopped.addEventListener("abort", () => reject(stopped.reason));
    work.then(resolve, reject);
  });
}

/** What the start of a system brought: models of the zoo that were chosen, and how long it took. */
interface Started {
  readonly chosen: string;
  readonly tookMs: number;
}

function greet(plan: ClusterPlan, started: Started, terminal: Terminal): void {
  const { dataFolder } = plan;
  const said = { ...addressesOf(plan), dataFolder, tookMs: started.tookMs };
  terminal.result(said, () => greetingLines(plan, started));
}

function greetingLines(plan: ClusterPlan, { chosen, tookMs }: Started): readonly string[] {
  const { frontend, http, metadata, executors } = addressesOf(plan);
  const { hosts } = plan;
  const shown =
    hosts === null
      ? executors.join(", ")
      : `${hosts.minHosts} to ${hosts.maxHosts} of ${hosts.cores} cores each, as demand needs`;
  return `
INFaaS is up after ${(tookMs / 1000).toFixed(1)} s
  frontend   ${frontend}   gRPC: infaas.v1, Open Inference Protocol v2, health, reflection
             ${http}   HTTP: Open Inference Protocol v2 in JSON and raw bytes${consoleLine(plan)}
  metadata   ${metadata}   ${plan.store} store
  executors  ${shown}
  state      ${plan.dataFolder}

Try, in another shell:
  npx infaas models${chosen === "none" ? "" : zooQueries(plan)}

Ctrl-C stops everything.`.split("\n");
}

/** Queries that models of the zoo answer, for the greeting. */
function zooQueries({ root }: ClusterPlan): string {
  const picture = relative(process.cwd(), join(root, "zoo", "examples", "seven.png"));
  return `
  npx infaas query digit-classification --image ${picture} --accuracy 0.95 --latency 50
  npx infaas explain digit-classification --accuracy 0.98 --latency 5`;
}

/** Where the console is, for the greeting; empty where it was not built. */
function consoleLine(plan: ClusterPlan): string {
  if (consoleFolder(plan) === null) return "";
  const scheme = plan.security.tlsCert === null ? "http" : "https";
  return `\n  console    ${scheme}://${addressesOf(plan).http}/console/   draw, ask, and see what answers and why`;
}
