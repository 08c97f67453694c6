import { seededRandom, VirtualClock } from "@infaas/runtime";
import { describeStoreContract } from "../testing/store.contract";
import { openMemoryStore } from "./memory-store";

describeStoreContract("memory store", async () => {
  const clock = new VirtualClock();
  const store = openMemoryStore({ clock, random: seededRandom(1) });
  return {
    store,
    prefix: "t/",
    leaseTtlMs: 1000,
    passLeaseLife: () => clock.advance(1000),
    compact: async () => store.compact(),
  };
});
