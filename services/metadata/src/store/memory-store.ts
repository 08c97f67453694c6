import { FIRST_REVISION, LocalStore, type LocalStoreOptions, type StoreBacking } from "./local-store";

/** A store that forgets everything when its process ends: for tests and simulations. */
export function openMemoryStore(options: LocalStoreOptions): LocalStore {
  return new LocalStore(forgetful, options);
}

const forgetful: StoreBacking = {
  load: () => ({ revision: FIRST_REVISION, entries: [], leases: [] }),
  commit: async () => undefined,
  close: async () => undefined,
};
