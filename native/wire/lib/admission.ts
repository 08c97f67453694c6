import type { CallHost } from "./call-host";
import { eventsMax } from "./event-layout";
import { joinTrailers } from "./trailers";

/** A call as it is asked about. */
export interface AskedCall {
  readonly path: string;
  /** The first `authorization` that came with it; undefined where tokens tell nothing, or none came. */
  readonly authorization: string | undefined;
  /** host:port of the client. */
  readonly peer: string;
}

/** Why a call may not be made. */
export interface AdmissionRefusal {
  readonly code: number;
  readonly message: string;
  /** Trailers, names and values by turns. */
  readonly pairs: readonly string[];
}

/** What every caller has. */
export interface WireCaller {
  /** Whom what its calls hold is counted for, where tokens tell callers apart. */
  readonly tenant: string;
}

/** Who makes a call, or why it may not be made. */
export type Admission<Caller> = { readonly caller: Caller } | { readonly refusal: AdmissionRefusal };

/** Decides about calls. */
export interface WireGuard<Caller extends WireCaller> {
  /** Whether `authorization` tells callers apart; else their connections do, and it is metadata like any other. */
  readonly tokens: boolean;
  /**
   * Asked once for each method on each connection with each `authorization`, as soon as a call's headers are there. The
   * answer holds for further calls until `Wire.askAnew`; a caller is one and the same for all methods.
   */
  admit(call: AskedCall): Admission<Caller>;
}

const CANCELLED = 1;

/** Knows the callers behind the numbers of their credentials. */
export class Admissions<Caller extends WireCaller> {
  guard: WireGuard<Caller> | null = null;
  /** By credential; the add-on says when one is forgotten. */
  private readonly callers: (Caller | undefined)[] = [];
  /** Calls of which more may have been told in the same turn. */
  private readonly refused = new Set<number>();

  constructor(private readonly host: CallHost) {}

  callerOf(credential: number): Caller | undefined {
    return this.callers[credential];
  }

  /** Whether this call was refused, so that what else is told of it says nothing. */
  isRefused(call: number): boolean {
    return this.refused.size > 0 && this.refused.has(call);
  }

  asked(call: number, credential: number, path: string): void {
    const { addon, handle } = this.host;
    const asked = addon.asked(handle, call);
    const admission =
      asked === undefined || this.guard === null ? gone : this.guard.admit({ path, ...asked });
    if ("caller" in admission) {
      this.callers[credential] = admission.caller;
      addon.admit(handle, call, admission.caller.tenant);
      return;
    }
    const { code, message, pairs } = admission.refusal;
    this.refused.add(call);
    addon.refuse(handle, call, code, message, joinTrailers(pairs));
  }

  forgotten(credential: number): void {
    this.callers[credential] = undefined;
  }

  /** Told at the end of every handover; a turn has as many as it needs, the last of them with room left. */
  turn(count: number): void {
    if (count < eventsMax) this.refused.clear();
  }
}

const gone = { refusal: { code: CANCELLED, message: "the caller is gone", pairs: [] } } as const;
