/** Memory that many may hold together, up to a bound. */
export class ByteBudget {
  held = 0;
  /** How often there was no room. */
  refusals = 0;

  constructor(readonly max: number) {}

  /** Sets bytes aside; false = there is no room, nothing was set aside. */
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
