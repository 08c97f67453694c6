import type { ServiceError } from "@infaas/runtime";
import type { LinkListener } from "./executor-link";
import type { Verdict } from "./process-end";

const ID_MAX = 0xffff_ffff;

/** The queries on one link that are not answered, each under an id that no other of them has. */
export class PendingQueries {
  private readonly listeners = new Map<
    number,
    { readonly listener: LinkListener; readonly variant: string }
  >();
  private lastId = 0;

  get size(): number {
    return this.listeners.size;
  }

  /** Returns the query's id, from 1 on. */
  add(variant: string, listener: LinkListener): number {
    do {
      this.lastId = this.lastId === ID_MAX ? 1 : this.lastId + 1;
    } while (this.listeners.has(this.lastId));
    this.listeners.set(this.lastId, { variant, listener });
    return this.lastId;
  }

  /** Forgets the query, and returns who waits for it; undefined: nobody any more. */
  take(id: number): LinkListener | undefined {
    const pending = this.listeners.get(id);
    if (pending !== undefined) this.listeners.delete(id);
    return pending?.listener;
  }

  /** Every query is lost with `fault`, or with what `whyLost` says of it. */
  async loseAll(
    fault: ServiceError,
    whyLost: () => Promise<Verdict> = async () => () => null,
  ): Promise<void> {
    const lost = [...this.listeners];
    this.listeners.clear();
    if (lost.length === 0) return;
    const verdict = await whyLost();
    for (const [id, { variant, listener }] of lost) listener.lost(verdict(variant, id) ?? fault);
  }
}
