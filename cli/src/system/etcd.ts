import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { addressOf, Code, ServiceError, withPort } from "@infaas/runtime";
import type { ProcessSpec } from "./process-group";

/**
 * All variants of one architecture are recorded in one request, each with its golden tensors (602 KB for an
 * image).
 */
const REQUEST_MAX_BYTES = 32 * 1024 ** 2;

/**
 * Returns the process of a single etcd with its state in `folder`: clients at `address` (host:port), peers at
 * the next port. Throws FAILED_PRECONDITION when no etcd is installed.
 */
export function etcdProcess(root: string, folder: string, address: string): ProcessSpec {
  const client = `http://${address}`;
  const peer = `http://${withPort(address, addressOf(address).port + 1)}`;
  return {
    name: "etcd",
    command: etcdBinary(root),
    args: [
      ...["--name", "infaas", "--data-dir", folder],
      ...["--listen-client-urls", client, "--advertise-client-urls", client],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ...["--initial-cluster", `infaas=${peer}`],
      ...["--max-request-bytes", String(REQUEST_MAX_BYTES)],
      ...["--auto-compaction-mode", "revision", "--auto-compaction-retention", "10000"],
    ],
  };
}

function etcdBinary(root: string): string {
  const own = join(root, ".cache", "etcd", "etcd");
  if (existsSync(own)) return own;
  if (spawnSync("etcd", ["--version"], { stdio: "ignore" }).status === 0) return "etcd";
  throw new ServiceError(
    Code.FAILED_PRECONDITION,
    "no etcd was found: run 'npm run etcd:install -w @infaas/metadata', or name a running one with --etcd host:port",
  );
}
