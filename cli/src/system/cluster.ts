import { existsSync } from "node:fs";
import { join } from "node:path";
import { formatAddress, hostLimits, type SecurityConfig } from "@infaas/runtime";
import type { ProcessSpec } from "./process-group";

/** Processes, ports and addresses of a system that `infaas up` starts on this machine. */
export interface ClusterPlan {
  /** Root of the checkout, which holds the services' compiled code. */
  readonly root: string;
  readonly dataFolder: string;
  /** Executors that are started with the system; where hosts come and go, how many there are at the least. */
  readonly executorCount: number;
  /** Hosts that come and go with demand; null: executors are as many as they are. */
  readonly hosts: HostsPlan | null;
  /** Device of every executor beside the CPU. */
  readonly device: string | undefined;
  readonly store: "embedded" | "memory" | "etcd";
  readonly etcdAddress: string;
  /**
   * The frontend's gRPC port; its HTTP face is at -1, metadata, executors and etcd follow at +100, +200 and
   * +300.
   */
  readonly port: number;
  readonly otlpEndpoint: string | undefined;
  /** Share of queries that are traced; undefined: the frontend's default. */
  readonly traceSample: number | undefined;
  /** Host that both faces of the frontend listen on; all other processes listen on the loopback interface. */
  readonly host: string;
  readonly security: SecurityConfig;
}

/** Hosts of this machine that come and go. */
export interface HostsPlan {
  readonly minHosts: number;
  readonly maxHosts: number;
  /** CPU time of each, in cores. */
  readonly cores: number;
  /** Time that each is paid for at the least, ms. */
  readonly billingMinimumMs: number;
}

/** Price of a small general-purpose cloud host with 8 cores, US dollars per hour (m5.2xlarge list price). */
const PRICE_PER_HOUR_FOR_8_CORES_USD = 0.384;

/** Ports that `infaas up` takes as the frontend's: its other ports lie from 1 below to 301 above. */
export const portRange = { whole: true, least: 2, most: 65_535 - 301 } as const;

/** Returns the client address of the system's own etcd; its peer port is the next one. */
export function ownEtcdAddress(port: number): string {
  return `127.0.0.1:${port + 300}`;
}

/** Hosts to listen on that are none to call. */
const everyInterface: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Returns the addresses at which this machine reaches the processes of a plan. */
export function addressesOf(plan: ClusterPlan) {
  const executors = plan.hosts?.maxHosts ?? plan.executorCount;
  const host = everyInterface.has(plan.host) ? "127.0.0.1" : plan.host;
  return {
    frontend: formatAddress({ host, port: plan.port }),
    http: formatAddress({ host, port: plan.port - 1 }),
    metadata: `127.0.0.1:${plan.port + 100}`,
    executors: Array.from({ length: executors }, (_, i) => `127.0.0.1:${plan.port + 200 + i}`),
  };
}

/**
 * Returns what each executor of a plan is given of this machine, or of the container that it runs in: memory and price are divided among executors. Cores are
 * not, except where hosts come and go, which have cores of their own.
 */
export function hostOf(plan: ClusterPlan) {
  const given = hostLimits();
  const cores = plan.hosts?.cores ?? given.cores;
  return {
    hostType: plan.hosts === null ? "local-cpu" : `local-cpu-${cores}`,
    cores,
    memoryBytes: Math.floor(given.memoryBytes / 2 / addressesOf(plan).executors.length),
    pricePerHourUsd: (PRICE_PER_HOUR_FOR_8_CORES_USD * cores) / 8,
  };
}

/** Returns the executor with this number, from 1. */
export function executorOf(plan: ClusterPlan, number: number): ProcessSpec {
  const { metadata, executors } = addressesOf(plan);
  const { hostType, cores, memoryBytes, pricePerHourUsd } = hostOf(plan);
  const name = `executor-${number}`;
  return service(plan, "executor", name, [
    ...["--name", name, "--listen", executors[number - 1] ?? "", "--metadata", metadata],
    ...["--data-dir", join(plan.dataFolder, name), "--cores", String(cores)],
    ...["--memory-bytes", String(memoryBytes), "--host-type", hostType],
    ...profileMemory(executors.length),
    ...(plan.device === undefined ? [] : ["--device", plan.device]),
    ...["--price-per-hour", String(pricePerHourUsd), ...otlpArguments(plan)],
  ]);
}

/** Returns the processes of a plan in start order, without hosts that come and go. */
export function processesOf(plan: ClusterPlan): readonly ProcessSpec[] {
  const { frontend, metadata } = addressesOf(plan);
  const store = ["--store", plan.store, ...(plan.store === "etcd" ? ["--etcd", plan.etcdAddress] : [])];
  const executorCount = plan.hosts === null ? plan.executorCount : 0;
  return [
    service(plan, "metadata", "metadata", [
      "--listen",
      metadata,
      ...store,
      "--data-dir",
      join(plan.dataFolder, "metadata"),
    ]),
    ...Array.from({ length: executorCount }, (_, i) => executorOf(plan, i + 1)),
    service(plan, "frontend", "frontend", [
      "--name",
      "frontend-1",
      "--listen",
      formatAddress(plan),
      "--advertise",
      frontend,
      "--http-listen",
      formatAddress({ host: plan.host, port: plan.port - 1 }),
      "--metadata",
      metadata,
      ...consoleArguments(plan),
      ...otlpArguments(plan),
      ...(plan.traceSample === undefined ? [] : ["--trace-sample-ratio", String(plan.traceSample)]),
      ...(plan.security.tokens == null ? [] : ["--tokens", plan.security.tokens]),
      ...(plan.security.insecure ? ["--insecure"] : []),
    ]),
  ];
}

/** Folder of the built console; null where it was not built. */
export function consoleFolder({ root }: ClusterPlan): string | null {
  const folder = join(root, "console", "dist");
  return existsSync(join(folder, "index.html")) ? folder : null;
}

function consoleArguments(plan: ClusterPlan): readonly string[] {
  const folder = consoleFolder(plan);
  return folder === null ? [] : ["--console", folder];
}

function otlpArguments({ otlpEndpoint }: ClusterPlan): readonly string[] {
  return otlpEndpoint === undefined ? [] : ["--otlp-endpoint", otlpEndpoint];
}

/** Default of the executor's `--profile-memory-bytes-max`, bytes. */
const PROFILE_MEMORY_DEFAULT_BYTES = 4 * 1024 ** 3;

/**
 * Returns the option that gives registrations a quarter of the machine's memory where that exceeds the
 * default: a model of 2 GB takes 5 while it is measured.
 */
function profileMemory(executorCount: number): readonly string[] {
  const bytes = Math.floor(hostLimits().memoryBytes / 4 / executorCount);
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
