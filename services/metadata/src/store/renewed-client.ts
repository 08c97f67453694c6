import type { Clock, Timer } from "@infaas/runtime";

/**
 * PEM of the authorities, and own certificate and key where one is asked for; other buffers once the files
 * have changed.
 */
export interface ClientTls {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** What a renewed client is made of. */
export interface RenewedClientOptions<C> {
  readonly clock: Clock;
  /** Current certificate, key and trusted authorities; null: no TLS. */
  readonly tls: () => ClientTls | null;
  readonly open: (tls: ClientTls | null) => C;
  /** How long the calls of a client may still take once there is a newer one. */
  readonly graceMs: number;
}

/**
 * A client whose certificates are read once, when it is opened, made to follow their files: when they have
 * changed there is a new one, and the one before is closed when its calls must have ended.
 */
export class RenewedClient<C extends { close(): void }> {
  private tls: ClientTls | null;
  private client: C;
  private readonly retired = new Map<C, Timer>();

  constructor(private readonly o: RenewedClientOptions<C>) {
    this.tls = o.tls();
    this.client = o.open(this.tls);
  }

  current(): C {
    const tls = this.o.tls();
    if (isSame(tls, this.tls)) return this.client;
    this.retire(this.client);
    this.tls = tls;
    this.client = this.o.open(tls);
    return this.client;
  }

  close(): void {
    for (const [client, timer] of this.retired) {
      timer.cancel();
      client.close();
    }
    this.retired.clear();
    this.client.close();
  }

  private retire(client: C): void {
    const timer = this.o.clock.setTimer(this.o.graceMs, () => {
      this.retired.delete(client);
      client.close();
    });
    this.retired.set(client, timer);
  }
}

function isSame(a: ClientTls | null, b: ClientTls | null): boolean {
  return a?.ca === b?.ca && a?.cert === b?.cert && a?.key === b?.key;
}
