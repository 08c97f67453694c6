import { type Snapshot, withInstances } from "../snapshot";
import type { Instance, InstanceState } from "../types";

/** An instance as the paper's policy sees it: a state and nothing of its queue or its distance. */
export class StateOnlyInstance implements Instance {
  readonly drainMs = 0;
  readonly hopMs = 0;
  readonly isQueueUnknown = true;
  readonly variant: string;
  readonly executor: string;

  constructor(readonly measured: Instance) {
    this.variant = measured.variant;
    this.executor = measured.executor;
  }

  /** Read from the measured instance at every decision. */
  get state(): InstanceState {
    return this.measured.state;
  }
}

/**
 * Returns the snapshot through the paper's eyes, for comparison: `selectVariant` on it decides by state and
 * profiled latency alone (INFaaS, ATC '21, section 4.2; docs/design/policy.md, section 3, without the
 * predicted drain). Its decisions carry `StateOnlyInstance`s, whose `measured` is the real one. O(instances);
 * build it once per snapshot.
 */
export function paperView(snapshot: Snapshot): Snapshot {
  const instances = snapshot.groups
    .flat()
    .flatMap((group) => group.members.map((member) => new StateOnlyInstance(member.instance)));
  return withInstances(snapshot, { revision: snapshot.revision, atMs: snapshot.atMs, instances });
}
