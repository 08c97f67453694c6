import {
  type Architecture,
  adapterInput,
  type InferHeadInput,
  shapeFits,
  signatureFault,
  type Task,
} from "@infaas/api";
import {
  allEntries,
  type Catalog as PolicyCatalog,
  restrictTarget,
  type TargetIndex,
  type VariantEntry,
} from "@infaas/policy";

/** One architecture of a task whose architectures differ in what they take. */
interface Candidate {
  readonly architecture: Architecture;
  /** It gives what the task's present signature promises. */
  readonly fitsTask: boolean;
}

/**
 * Variants of each task that take what was sent. An architecture may take fewer sizes than its task allows, and one
 * that a new signature of its task left behind still answers those who ask in its terms.
 */
export class AcceptingVariants {
  /** Tasks whose architectures differ; all others need no look at what was sent. */
  private readonly mixed = new Map<string, readonly Candidate[]>();
  /** Restricted indexes by task and accepted variants: as many as there are different sets. */
  private readonly restricted = new Map<string, TargetIndex>();

  constructor(
    tasks: readonly Task[],
    architectures: readonly Architecture[],
    private readonly servable: PolicyCatalog,
  ) {
    for (const task of tasks) {
      const own = architectures.filter((a) => a.task === task.name);
      const candidates = own.map((architecture) => ({
        architecture,
        fitsTask: signatureFault(task, architecture) === null,
      }));
      if (new Set(own.map(inputsKey)).size > 1 || candidates.some(({ fitsTask }) => !fitsTask))
        this.mixed.set(task.name, candidates);
    }
  }

  /** Null where every variant of the task may be asked: all take the same, or none takes this and any can say why. */
  of(task: string, sent: readonly InferHeadInput[]): TargetIndex | null {
    const candidates = this.mixed.get(task);
    const index = this.servable.tasks.get(task);
    if (candidates === undefined || index === undefined) return null;
    const takers = candidates.filter(({ architecture }) => takes(architecture, sent));
    const fitting = takers.filter(({ fitsTask }) => fitsTask);
    const chosen = new Set((fitting.length > 0 ? fitting : takers).map((c) => c.architecture.name));
    return this.restrict(index, (entry) => chosen.has(entry.variant.architecture));
  }

  private restrict(index: TargetIndex, keep: (entry: VariantEntry) => boolean): TargetIndex | null {
    const all = allEntries(index);
    const kept = all.filter(keep);
    if (kept.length === 0 || kept.length === all.length) return null;
    const key = `${index.target.name} ${kept.map((entry) => entry.index).join()}`;
    let restricted = this.restricted.get(key);
    if (restricted === undefined) {
      restricted = restrictTarget(index, kept);
      this.restricted.set(key, restricted);
    }
    return restricted;
  }
}

function takes({ inputs, adapter }: Architecture, sent: readonly InferHeadInput[]): boolean {
  const adapted = adapter === undefined ? null : adapterInput(adapter);
  if (sent.some(({ name, datatype }) => datatype === "BYTES" && name === adapted)) return true;
  const isTaken = ({ name, datatype, shape }: InferHeadInput) => {
    const spec = inputs.find((one) => one.name === name);
    return spec !== undefined && spec.datatype === datatype && shapeFits(spec, shape);
  };
  const isThere = (name: string) => sent.some((input) => input.name === name);
  return sent.every(isTaken) && inputs.every(({ name, optional }) => optional || isThere(name));
}

function inputsKey({ inputs, batchable, adapter }: Architecture): string {
  return JSON.stringify([
    batchable,
    adapter === undefined ? null : adapterInput(adapter),
    inputs.map(({ name, datatype, shape, optional, anyRank }) => [
      name,
      datatype,
      shape.join(),
      optional,
      anyRank,
    ]),
  ]);
}
