import { lookup } from "node:dns/promises";
import { DynamicShares } from "@infaas/policy";
import {
  addressOf,
  type Backoff,
  type Caller,
  type Clock,
  Code,
  type DialSecurity,
  type Logger,
  type Random,
  ServiceError,
  type Timer,
} from "@infaas/runtime";
import type { LinkAnswer as NativeAnswer, LinkRefusal as NativeRefusal, Wire, WireLink } from "@infaas/wire";
import { InferCall } from "@infaas/wire";
import {
  type ExecutorLink,
  GREETING_MAX_MS,
  type LinkCaller,
  type LinkEvents,
  type LinkQuery,
  reconnectBackoff,
} from "./grpc-link";

/** What a native link needs. */
export interface NativeLinkOptions {
  readonly wire: Wire<Caller>;
  /** host:port of the executor's native links. */
  readonly address: string;
  readonly dial: Pick<DialSecurity, "authorization">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly inFlightMax: number;
  readonly events: LinkEvents;
}

const ID_MAX = 0xffff_ffff;

/**
 * A link as `Link` is, with sockets and frames in native code: a query's tensors go from the client's socket to the
 * executor's and those of the answer back without entering JavaScript.
 */
export class NativeLink implements ExecutorLink {
  private wireLink: WireLink | null = null;
  private readonly pending = new Map<number, LinkCaller>();
  private nextId = 0;
  private readonly backoff: Backoff;
  private timer: Timer | null = null;
  private isUp = false;
  private closed = false;

  readonly shares: DynamicShares;

  constructor(private readonly o: NativeLinkOptions) {
    this.shares = new DynamicShares(o.inFlightMax);
    this.backoff = reconnectBackoff(o.random);
    void this.open();
  }

  get up(): boolean {
    return this.isUp;
  }

  get inFlight(): number {
    return this.pending.size;
  }

  hasRoom(tenant: string): boolean {
    return this.shares.mayTake(tenant, this.pending.size);
  }

  send({ timeoutMs, lane, trace, variant, body }: LinkQuery, caller: LinkCaller): number {
    const id = this.takeId();
    this.pending.set(id, caller);
    const sent = this.wireLink?.send(id, {
      timeoutMs,
      lane,
      trace,
      variant: variantNumber(this.o.wire, variant),
      body: body instanceof InferCall ? body : body.bytes(),
    });
    // Whoever sends does not expect to hear of it before `send` has returned.
    if (sent !== true) setImmediate(() => this.lose(id));
    return id;
  }

  cancel(id: number): void {
    if (this.pending.delete(id)) this.wireLink?.cancel(id);
  }

  close(fault: ServiceError): void {
    this.closed = true;
    this.timer?.cancel();
    this.drop(fault);
  }

  private takeId(): number {
    do {
      this.nextId = this.nextId === ID_MAX ? 1 : this.nextId + 1;
    } while (this.pending.has(this.nextId));
    return this.nextId;
  }

  private async open(): Promise<void> {
    const { address, wire, clock, dial } = this.o;
    const { host, port } = addressOf(address);
    const found = await lookup(host).catch(() => null);
    if (this.closed) return;
    const opened =
      found === null
        ? `${host} is no known name`
        : wire.link(found.address, port, dial.authorization(), {
            up: () => this.greeted(),
            down: () => this.broke("it was ended"),
            draining: () => this.o.events.draining(),
            answered: (id, answer) => this.answered(id, answer),
            refused: (id, refusal) => this.refused(id, refusal),
          });
    if (typeof opened === "string") {
      this.broke(opened);
      return;
    }
    this.wireLink = opened;
    this.timer = clock.setTimer(GREETING_MAX_MS, () =>
      this.broke(`no greeting within ${GREETING_MAX_MS} ms`),
    );
  }

  private answered(id: number, answer: NativeAnswer): void {
    const caller = this.pending.get(id);
    if (caller === undefined) return;
    this.pending.delete(id);
    caller.answered(answer);
  }

  private refused(id: number, refusal: NativeRefusal): void {
    const caller = this.pending.get(id);
    if (caller === undefined) return;
    this.pending.delete(id);
    caller.refused(refusal);
  }

  private greeted(): void {
    this.timer?.cancel();
    this.backoff.succeeded();
    this.setUp(true);
  }

  private broke(why: string): void {
    if (this.closed) return;
    this.timer?.cancel();
    const { address, clock, logger } = this.o;
    if (this.isUp) logger.warn("link lost", { address, error: why });
    const message = `connection to the executor at ${address} was lost`;
    this.drop(new ServiceError(Code.UNAVAILABLE, message, { cause: why }));
    this.timer = clock.setTimer(this.backoff.failed(), () => void this.open());
  }

  private drop(fault: ServiceError): void {
    this.wireLink?.close();
    this.wireLink = null;
    this.setUp(false);
    const lost = [...this.pending.values()];
    this.pending.clear();
    for (const caller of lost) caller.lost(fault);
  }

  private lose(id: number): void {
    const caller = this.pending.get(id);
    this.pending.delete(id);
    const message = `the query could not be sent to the executor at ${this.o.address}`;
    caller?.lost(new ServiceError(Code.UNAVAILABLE, message));
  }

  private setUp(up: boolean): void {
    if (this.isUp === up) return;
    this.isUp = up;
    this.o.events.changed(up);
  }
}

const numbers = new WeakMap<Wire<Caller>, Map<string, number>>();

/** The wire keeps names of variants under numbers; each is told once. */
function variantNumber(wire: Wire<Caller>, name: string): number {
  let known = numbers.get(wire);
  if (known === undefined) {
    known = new Map();
    numbers.set(wire, known);
  }
  let number = known.get(name);
  if (number === undefined) {
    number = wire.variant(name);
    known.set(name, number);
  }
  return number;
}
