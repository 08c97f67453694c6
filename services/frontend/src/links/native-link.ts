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
import { type Wire, WireInferCall, type WireLink } from "@infaas/wire";
import { PartsBody } from "../query/body";
import {
  type ExecutorLink,
  GREETING_MAX_MS,
  type LinkEvents,
  type LinkListener,
  type LinkQuery,
  linkLost,
  reconnectBackoff,
} from "./executor-link";
import { PendingQueries } from "./pending-queries";
import type { Verdict } from "./process-end";

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
  /** Asks why queries were lost with the link; default: all are bystanders. */
  readonly whyLost?: () => Promise<Verdict>;
}

/** Where a link is; whatever timer runs in a state is cancelled when it is left. */
type Life =
  | { readonly kind: "resolving" }
  | { readonly kind: "opening"; readonly wireLink: WireLink; readonly timer: Timer }
  | { readonly kind: "up"; readonly wireLink: WireLink }
  | { readonly kind: "broken"; readonly timer: Timer }
  | { readonly kind: "closed" };

const RESOLVING: Life = { kind: "resolving" };

/**
 * A link as `GrpcLink` is, with sockets and frames in native code: a query's tensors go from the client's socket to the
 * executor's and those of the answer back without entering JavaScript.
 */
export class NativeLink implements ExecutorLink {
  readonly shares: DynamicShares;
  private life: Life = RESOLVING;
  private readonly pending = new PendingQueries();
  private readonly backoff: Backoff;

  constructor(private readonly o: NativeLinkOptions) {
    this.shares = new DynamicShares(o.inFlightMax);
    this.backoff = reconnectBackoff(o.random);
    void this.open();
  }

  get up(): boolean {
    return this.life.kind === "up";
  }

  get inFlight(): number {
    return this.pending.size;
  }

  hasRoom(tenant: string): boolean {
    return this.shares.mayTake(tenant, this.pending.size);
  }

  send({ timeoutMs, lane, trace, variant, body }: LinkQuery, listener: LinkListener): number {
    const id = this.pending.add(variant, listener);
    const sent = this.wireLink?.send(id, {
      timeoutMs,
      lane,
      trace,
      variant: variantNumber(this.o.wire, variant),
      body: body instanceof WireInferCall ? body : body instanceof PartsBody ? body.parts : body.bytes(),
    });
    if (sent !== true) this.o.clock.soon(() => this.lose(id));
    return id;
  }

  cancel(id: number): void {
    if (this.pending.take(id) !== undefined) this.wireLink?.cancel(id);
  }

  close(fault: ServiceError): void {
    this.become({ kind: "closed" });
    void this.pending.loseAll(fault);
  }

  private get wireLink(): WireLink | null {
    const { life } = this;
    return life.kind === "opening" || life.kind === "up" ? life.wireLink : null;
  }

  private become(life: Life): void {
    const { up: wasUp, wireLink } = this;
    if (this.life.kind === "opening" || this.life.kind === "broken") this.life.timer.cancel();
    this.life = life;
    if (this.wireLink !== wireLink) wireLink?.close();
    if (this.up !== wasUp) this.o.events.changed(this.up);
  }

  private async open(): Promise<void> {
    const { address, wire, clock, dial } = this.o;
    const { host, port } = addressOf(address);
    const found = await lookup(host).catch(() => null);
    if (this.life.kind === "closed") return;
    if (found === null) {
      this.broke(`${host} is no known name`);
      return;
    }
    const wireLink = wire.link(found.address, port, dial.authorization(), {
      up: () => this.greeted(),
      down: () => this.broke("it was ended"),
      draining: () => this.o.events.draining(),
      answered: (id, answer) => this.pending.take(id)?.answered(answer),
      refused: (id, refusal) => this.pending.take(id)?.refused(refusal),
    });
    if (typeof wireLink === "string") {
      this.broke(wireLink);
      return;
    }
    const late = () => this.broke(`no greeting within ${GREETING_MAX_MS} ms`);
    this.become({ kind: "opening", wireLink, timer: clock.setTimer(GREETING_MAX_MS, late) });
  }

  private greeted(): void {
    const { wireLink } = this;
    if (wireLink === null) return;
    this.backoff.succeeded();
    this.become({ kind: "up", wireLink });
  }

  private broke(why: string): void {
    if (this.life.kind === "closed") return;
    const { address, clock, logger } = this.o;
    if (this.up) logger.warn("link lost", { address, error: why });
    const reopen = () => {
      this.become(RESOLVING);
      void this.open();
    };
    this.become({ kind: "broken", timer: clock.setTimer(this.backoff.failed(), reopen) });
    void this.pending.loseAll(linkLost(address, why), this.o.whyLost);
  }

  private lose(id: number): void {
    const message = `the query could not be sent to the executor at ${this.o.address}`;
    this.pending.take(id)?.lost(new ServiceError(Code.UNAVAILABLE, message));
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
