import { type Random, seededRandom } from "@infaas/runtime";

/** What to send, by number: the same seed and number always give the same. */
export interface FuzzPlan {
  readonly seed: number;
  /** Number of the first operation; a finding names its own. */
  readonly from: number;
  /** Operations, good and bad. */
  readonly count: number;
  readonly inFlight: number;
}

/** One face of a system under attack. Everything rejects only when the face hangs or is gone. */
export interface FuzzedFace {
  /** Learns what the right answers are. */
  learn(): Promise<void>;
  /** Sends operation `number`, which is good or mutated, and returns what came of it. */
  operate(number: number, random: Random): Promise<Operated>;
  /** Does to a connection of its own what no client does. */
  attack(random: Random): Promise<void>;
  close(): void;
}

/** What came of one operation. */
export interface Operated {
  readonly isGood: boolean;
  /** How it ended, in the face's own words. */
  readonly ending: string;
  /** What is wrong with that; null when nothing is. */
  readonly fault: string | null;
}

/** What came of all. `faults` should be empty. */
export interface FuzzReport {
  readonly mutated: number;
  readonly good: number;
  readonly attacks: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Mutated operations by how they ended. */
  readonly endings: Readonly<Record<string, number>>;
  /** The first of what was wrong, each with the number that brings it back. */
  readonly faults: readonly string[];
}

/** One good operation after so many mutated ones; one attack on a connection for so many of both. */
const mutatedPerGood = 10;
const operationsPerAttack = 100;
const attackersMax = 8;
const faultsMax = 20;
/** Sets the chances of attacks apart from those of operations. */
const attackSeed = 0x5bd1_e995;

/** Whether this number is a good operation. */
export function isGoodNumber(number: number): boolean {
  return number % (mutatedPerGood + 1) === mutatedPerGood;
}

/** Sends everything of the plan, many at a time, with broken connections beside. `onProgress` is told after each operation. */
export async function runFuzz(
  face: FuzzedFace,
  plan: FuzzPlan,
  onProgress: (done: number) => void = () => {},
): Promise<FuzzReport> {
  const run = new FuzzRun(face, plan, onProgress);
  await face.learn();
  const startedMs = performance.now();
  await run.all();
  face.close();
  return run.report((performance.now() - startedMs) / 1000);
}

class FuzzRun {
  private readonly endings: Record<string, number> = {};
  private readonly faults: string[] = [];
  private started = 0;
  private done = 0;
  private good = 0;
  private attacks = 0;

  constructor(
    private readonly face: FuzzedFace,
    private readonly plan: FuzzPlan,
    private readonly onProgress: (done: number) => void,
  ) {}

  async all(): Promise<void> {
    const workers = Array.from({ length: this.plan.inFlight }, () => this.work());
    const attackers = Array.from({ length: attackersMax }, () => this.attack());
    await Promise.all([...workers, ...attackers]);
  }

  report(seconds: number): FuzzReport {
    const { endings, faults, good, attacks, done } = this;
    return { mutated: done - good, good, attacks, seconds, perSecond: done / seconds, endings, faults };
  }

  private async work(): Promise<void> {
    const { seed, from, count } = this.plan;
    while (this.started < count) {
      const number = from + this.started++;
      const name = `operation ${number} of seed ${seed}`;
      const { isGood, ending, fault } = await this.face
        .operate(number, randomOf(seed, number))
        .catch((error) => Promise.reject(new Error(`${name}: ${error.message}`, { cause: error })));
      if (isGood) this.good++;
      else this.endings[ending] = (this.endings[ending] ?? 0) + 1;
      if (fault !== null && this.faults.length < faultsMax) this.faults.push(`${name}: ${fault}`);
      this.onProgress(++this.done);
    }
  }

  /** Attacks keep pace with the operations. */
  private async attack(): Promise<void> {
    const { seed, from, count } = this.plan;
    while (this.done < count) {
      const due = Math.floor(this.done / operationsPerAttack);
      if (this.attacks >= due) await new Promise((next) => setTimeout(next, 10));
      else await this.face.attack(randomOf(seed ^ attackSeed, from + this.attacks++));
    }
  }
}

function randomOf(seed: number, number: number): Random {
  return seededRandom(Math.imul(seed, 0x85eb_ca6b) + Math.imul(number, 0xc2b2_ae35));
}
