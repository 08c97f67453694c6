import { type Clock, ServiceError, type Timer } from "@infaas/runtime";
import type { ClusterView } from "./cluster-view";

interface Waiter {
  look(): void;
}

/** Waits for a state of the cluster. */
export class ViewChanges {
  private readonly waiters = new Set<Waiter>();

  constructor(
    private readonly view: ClusterView,
    private readonly clock: Clock,
  ) {
    view.onChange(() => {
      for (const waiter of [...this.waiters]) waiter.look();
    });
  }

  /** Resolves once `isSo` holds; rejects with what it throws, or with `late` after `maxMs`. */
  until(isSo: (view: ClusterView) => boolean, maxMs: number, late: ServiceError): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: Timer | null = null;
      const settle = (end: () => void) => {
        timer?.cancel();
        this.waiters.delete(waiter);
        end();
      };
      const waiter = {
        look: () => {
          try {
            if (isSo(this.view)) settle(resolve);
          } catch (fault) {
            settle(() => reject(ServiceError.from(fault)));
          }
        },
      };
      this.waiters.add(waiter);
      timer = this.clock.setTimer(maxMs, () => settle(() => reject(late)));
      waiter.look();
    });
  }
}
