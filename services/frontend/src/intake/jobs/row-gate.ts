/** Lets so many rows be under way at a time, in the order in which they came. */
export class RowGate {
  private limit = 1;
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  /** Rows under way. */
  get inFlight(): number {
    return this.taken;
  }

  /** Sets how many rows may be under way; those that are stay. */
  setLimit(rows: number): void {
    this.limit = rows;
    this.admit();
  }

  /** Resolves when one more row may go, with true; or with false once `signal` aborts. Each that may go is released once. */
  take(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.taken < this.limit && this.waiting.length === 0) {
      this.taken++;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const leave = () => {
        const index = this.waiting.indexOf(enter);
        if (index >= 0) this.waiting.splice(index, 1);
        resolve(false);
      };
      const enter = () => {
        signal.removeEventListener("abort", leave);
        this.taken++;
        resolve(true);
      };
      this.waiting.push(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** A row that went is back. */
  release(): void {
    this.taken--;
    this.admit();
  }

  private admit(): void {
    while (this.taken < this.limit && this.waiting.length > 0) this.waiting.shift()?.();
  }
}
