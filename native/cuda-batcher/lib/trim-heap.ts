import { native } from "./native";

/**
 * Returns to the system what this process has freed and its allocator keeps; resolves when that is done. With glibc only;
 * elsewhere it does nothing.
 */
export function trimHeap(): Promise<void> {
  return native().trimHeap();
}
