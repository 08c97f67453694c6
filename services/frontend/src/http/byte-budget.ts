/** Memory that many may hold together, up to a bound. */
export class ByteBudget {
  private held = 0;

  constructor(readonly max: number) {}

  /** Sets bytes aside; false = there is no room, nothing was set aside. */
  take(bytes: number): boolean {
    if (this.held + bytes > this.max) return false;
    this.held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.held -= bytes;
  }
}
