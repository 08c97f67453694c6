import type { ServiceError } from "@infaas/runtime";
import type { LinkListener } from "./executor-link";

const ID_MAX = 0xffff_ffff;

/** The queries on one link that are not answered, each under an id that no other of them has. */
export class PendingQueries {
  private readonly listeners = new Map<number, LinkListener>();
  private lastId = 0;

  get size(): number {
    return this.listeners.size;
  }

  /** Returns the query's id, from 1 on. */
  add(listener: LinkListener): number {
    do {
      this.lastId = this.lastId === ID_MAX ? 1 : this.lastId + 1;
    } while (this.listeners.has(this.lastId));
    this.listeners.set(this.lastId, listener);
    return this.lastId;
  }

  /** Forgets the query, and returns who waits for it; undefined: nobody any more. */
  take(id: number): LinkListener | undefined {
    const listener = this.listeners.get(id);
    if (listener !== undefined) this.listeners.delete(id);
    return listener;
  }

  loseAll(fault: ServiceError): void {
    const lost = [...this.listeners.values()];
    this.listeners.clear();
    for (const listener of lost) listener.lost(fault);
  }
}
