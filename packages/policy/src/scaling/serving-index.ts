import type { Catalog } from "../catalog";
import { adequateEntries } from "./capacity";
import type { PlannedDemand } from "./planning-problem";

/** A host with what is ready there. */
export interface ServingHost {
  /** It is up and takes work. */
  readonly isServing: boolean;
  readonly ready: ReadonlySet<string>;
}

/** How many ready instances each class with demand has, while instances are taken away one after another. */
export class ServingIndex {
  /** Classes that a variant can answer, by index. */
  private readonly answered = new Map<string, number[]>();
  /** Ready instances by class, on hosts that take work. */
  private readonly counts: Int32Array;

  private constructor(classes: number) {
    this.counts = new Int32Array(classes);
  }

  /** In slices of one class each. */
  static *of(
    catalog: Catalog,
    hosts: readonly ServingHost[],
    demands: readonly PlannedDemand[],
  ): Generator<undefined, ServingIndex> {
    const index = new ServingIndex(demands.length);
    const ready = new Map<string, number>();
    for (const host of hosts)
      for (const name of host.ready) ready.set(name, (ready.get(name) ?? 0) + Number(host.isServing));
    for (const [d, { demand }] of demands.entries()) {
      for (const { variant } of adequateEntries(catalog, demand)) {
        const instances = ready.get(variant.name);
        if (instances === undefined) continue;
        index.counts[d]! += instances;
        const answered = index.answered.get(variant.name);
        if (answered === undefined) index.answered.set(variant.name, [d]);
        else answered.push(d);
      }
      yield;
    }
    return index;
  }

  /** Takes an instance away; returns false, and leaves it, where a class that it answers has no other ready one. */
  remove(host: ServingHost, variant: string): boolean {
    if (!host.ready.has(variant)) return true;
    const answered = this.answered.get(variant) ?? [];
    const own = Number(host.isServing);
    if (answered.some((d) => this.counts[d]! - own < 1)) return false;
    for (const d of answered) this.counts[d]! -= own;
    return true;
  }

  /** Gives back what `remove` took. */
  restore(host: ServingHost, variant: string): void {
    if (!host.isServing || !host.ready.has(variant)) return;
    for (const d of this.answered.get(variant) ?? []) this.counts[d]!++;
  }
}
