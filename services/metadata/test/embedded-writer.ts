import { systemClock, systemRandom } from "@infaas/runtime";
import { openEmbeddedStore } from "../src/embedded-store";

/** Writes the same value under two keys in one transaction, again and again, and tells each revision once answered. */
async function writeForever(folder: string): Promise<void> {
  const store = openEmbeddedStore(folder, { clock: systemClock, random: systemRandom });
  for (let count = 0; ; count++) {
    const value = Buffer.alloc(1000 + (count % 9) * 1000, count);
    const writes = ["left", "right"].map((key) => ({ kind: "put", key, value, leaseId: null }) as const);
    const outcome = await store.transaction({ compares: [], writes });
    if (outcome.kind === "committed") process.send?.(String(outcome.revision));
  }
}

void writeForever(process.argv[2] ?? "");
