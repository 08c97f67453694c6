/**
 * Shares out something bounded by dynamic thresholds (Choudhury, Hahne: IEEE/ACM Transactions on Networking
 * 1998): nobody takes one more once it has as much as is free. One alone gets half, two a third each, n of
 * them n/(n+1) together, so that whoever comes later finds room at once, and nothing has to be known of who
 * might come (decision 0018). Pure; O(1).
 */
export class DynamicShares {
  private readonly held = new Map<string, number>();

  constructor(readonly max: number) {}

  /** What `who` has. */
  of(who: string): number {
    return this.held.get(who) ?? 0;
  }

  /** Whether `who` may take one more while all together have `taken`. */
  mayTake(who: string, taken: number): boolean {
    return this.of(who) < this.max - taken;
  }

  take(who: string): void {
    this.held.set(who, this.of(who) + 1);
  }

  give(who: string): void {
    const left = this.of(who) - 1;
    if (left > 0) this.held.set(who, left);
    else this.held.delete(who);
  }
}
