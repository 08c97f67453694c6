import { existsSync } from "node:fs";
import { join } from "node:path";
import { Code, ServiceError } from "@infaas/runtime";
import { open } from "lmdb";
import { FIRST_REVISION, type StoreState } from "./local-store";
import type { Lease, StoreEntry } from "./store";

const FILE_NAME = "metadata.lmdb";
/** The only layout that there was. */
const LAYOUT = 1;

/**
 * Returns what an earlier version kept in the folder, in an LMDB file, which stays as it is; null when there is none. lmdb
 * 3.5.6 damages its own memory after a write that failed, which is why it is read only (decision 0036).
 */
export function readLmdb(folder: string): StoreState | null {
  const path = join(folder, FILE_NAME);
  if (!existsSync(path)) return null;
  const root = open({ path, readOnly: true, maxDbs: 3 });
  try {
    const facts = root.openDB<bigint | number, string>({ name: "facts", encoding: "msgpack" });
    const layout = facts.get("layout");
    if (layout !== LAYOUT) {
      const sentence = `metadata file has layout ${layout}, this version reads ${LAYOUT}`;
      throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
    }
    const entries = root.openDB<Omit<StoreEntry, "key">, string>({ name: "entries", encoding: "msgpack" });
    const leases = root.openDB<Lease, string>({ name: "leases", encoding: "msgpack" });
    return {
      revision: BigInt(facts.get("revision") ?? FIRST_REVISION),
      entries: [...entries.getRange({})].map(({ key, value }) => ({ key, ...value })),
      leases: [...leases.getRange({})].map(({ value }) => value),
    };
  } finally {
    void root.close();
  }
}
