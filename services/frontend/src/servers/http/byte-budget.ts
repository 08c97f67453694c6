/** Bound on the bytes that all requests hold together. */
export class ByteBudget {
  held = 0;
  /** Reservations that were refused. */
  refusals = 0;

  constructor(readonly max: number) {}

  /** Reserves bytes; false = they would exceed the bound, and none are reserved. */
  take(bytes: number): boolean {
    if (this.held + bytes > this.max) {
      this.refusals += 1;
      return false;
    }
    this.held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.held -= bytes;
  }
}
