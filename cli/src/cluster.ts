import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { formatAddress, type SecurityConfig } from "@infaas/runtime";
import type { ProcessSpec } from "./process-group";

/** Processes, ports and addresses of a system that `infaas up` starts on this machine. */
export interface ClusterPlan {
  /** Root of the checkout, which holds the services' compiled code. */
  readonly root: string;
  readonly dataFolder: string;
  readonly executorCount: number;
  readonly store: "embedded" | "memory" | "etcd";
  readonly etcdAddress: string;
  /**
   * The frontend's gRPC port; its HTTP face is at -1, metadata, executors and etcd follow at +100, +200 and
   * +300.
   */
  readonly port: number;
  readonly otlpEndpoint: string | undefined;
  /** Host that the frontend listens on; all other processes listen on the loopback interface. */
  readonly host: string;
  readonly security: SecurityConfig;
}

/** Price of a small general-purpose cloud host with 8 cores, US dollars per hour (m5.2xlarge list price). */
const PRICE_PER_HOUR_FOR_8_CORES_USD = 0.384;

/** Returns the client address of the system's own etcd; its peer port is the next one. */
export function ownEtcdAddress(port: number): string {
  return `127.0.0.1:${port + 300}`;
}

/** Returns the addresses that the processes of a plan listen on. */
export function addressesOf(plan: ClusterPlan) {
  return {
    frontend: `127.0.0.1:${plan.port}`,
    http: `127.0.0.1:${plan.port - 1}`,
    metadata: `127.0.0.1:${plan.port + 100}`,
    executors: Array.from({ length: plan.executorCount }, (_, i) => `127.0.0.1:${plan.port + 200 + i}`),
  };
}

/**
 * Returns the processes of a plan in start order. Price and memory of the machine are divided among
 * executors; cores are not.
 */
export function processesOf(plan: ClusterPlan): readonly ProcessSpec[] {
  const { frontend, http, metadata, executors } = addressesOf(plan);
  const cores = availableParallelism();
  const memoryBytes = Math.floor(totalmem() / 2 / plan.executorCount);
  const otlp = plan.otlpEndpoint === undefined ? [] : ["--otlp-endpoint", plan.otlpEndpoint];
  const store = ["--store", plan.store, ...(plan.store === "etcd" ? ["--etcd", plan.etcdAddress] : [])];
  return [
    service(plan, "metadata", "metadata", [
      "--listen",
      metadata,
      ...store,
      "--data-dir",
      join(plan.dataFolder, "metadata"),
    ]),
    ...executors.map((listen, i) =>
      service(plan, "executor", `executor-${i + 1}`, [
        ...["--name", `executor-${i + 1}`, "--listen", listen, "--metadata", metadata],
        ...["--data-dir", join(plan.dataFolder, `executor-${i + 1}`), "--cores", String(cores)],
        ...["--memory-bytes", String(memoryBytes), "--host-type", "local-cpu"],
        ...profileMemory(plan.executorCount),
        ...["--price-per-hour", String((PRICE_PER_HOUR_FOR_8_CORES_USD * cores) / 8), ...otlp],
      ]),
    ),
    service(plan, "frontend", "frontend", [
      "--name",
      "frontend-1",
      "--listen",
      formatAddress(plan),
      "--advertise",
      frontend,
      "--http-listen",
      http,
      "--metadata",
      metadata,
      ...otlp,
      ...(plan.security.tokens == null ? [] : ["--tokens", plan.security.tokens]),
      ...(plan.security.insecure ? ["--insecure"] : []),
    ]),
  ];
}

/** Default of the executor's `--profile-memory-bytes-max`, bytes. */
const PROFILE_MEMORY_DEFAULT_BYTES = 4 * 1024 ** 3;

/**
 * Returns the option that gives registrations a quarter of the machine's memory where that exceeds the
 * default: a model of 2 GB takes 5 while it is measured.
 */
function profileMemory(executorCount: number): readonly string[] {
  const bytes = Math.floor(totalmem() / 4 / executorCount);
  const isSaid = process.env.INFAAS_PROFILE_MEMORY_BYTES_MAX !== undefined;
  return isSaid || bytes <= PROFILE_MEMORY_DEFAULT_BYTES ? [] : ["--profile-memory-bytes-max", String(bytes)];
}

function service(plan: ClusterPlan, room: string, name: string, args: readonly string[]): ProcessSpec {
  const entry = join(plan.root, "services", room, "dist", "main.js");
  return { name, command: process.execPath, args: [entry, ...args, ...securityArguments(plan.security)] };
}

/** Returns the options for TLS and tokens, which are the same for every process of the machine. */
function securityArguments(security: SecurityConfig): readonly string[] {
  const { tlsCert, tlsKey, tlsClientCa, tlsCa, tlsServerName, clusterTokenFile } = security;
  const given = [
    ["--tls-cert", tlsCert],
    ["--tls-key", tlsKey],
    ["--tls-client-ca", tlsClientCa],
    ["--tls-ca", tlsCa],
    ["--tls-server-name", tlsServerName],
    ["--cluster-token-file", clusterTokenFile],
  ] as const;
  return given.flatMap(([flag, value]) => (value === null ? [] : [flag, value]));
}
