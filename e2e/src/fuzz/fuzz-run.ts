import { type Random, seededRandom } from "@infaas/runtime";

/** Operations by number: the same seed and number always give the same operation. */
export interface FuzzPlan {
  readonly seed: number;
  /** Number of the first operation; a finding names its own. */
  readonly from: number;
  /** Operations, good and bad. */
  readonly count: number;
  readonly inFlight: number;
}

/** One server of a fuzzed system. Its methods reject only when the server hangs or has ended. */
export interface FuzzedFace {
  /** Learns the right answers. */
  learn(): Promise<void>;
  /** Sends operation `number`, good or mutated; resolves with its outcome. */
  operate(number: number, random: Random): Promise<Operated>;
  /** Makes one attack on a connection of its own; resolves with what is wrong with the answer, or null. */
  attack(random: Random): Promise<string | null>;
  close(): void;
}

/** Outcome of one operation. */
export interface Operated {
  readonly isGood: boolean;
  /** Status of its end, as the server names it. */
  readonly ending: string;
  /** What is wrong with that; null when nothing is. */
  readonly fault: string | null;
}

/** Outcomes of a run; `faults` should be empty. */
export interface FuzzReport {
  readonly mutated: number;
  readonly good: number;
  readonly attacks: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Mutated operations by how they ended. */
  readonly endings: Readonly<Record<string, number>>;
  /** The first faults, each with the number that repeats it. */
  readonly faults: readonly string[];
}

/** One good operation after so many mutated ones; one attack on a connection for so many of both. */
const mutatedPerGood = 10;
const operationsPerAttack = 100;
const attackersMax = 16;
const attackPauseMs = 10;
const faultsMax = 20;
/** Separates the seeds of attacks from those of operations. */
const attackSeed = 0x5bd1_e995;

/** Whether this number is a good operation. */
export function isGoodNumber(number: number): boolean {
  return number % (mutatedPerGood + 1) === mutatedPerGood;
}

/** A run: many operations at a time, with attacks on other connections beside. */
export class FuzzRun {
  private readonly endings: Record<string, number> = {};
  private readonly faults: string[] = [];
  private started = 0;
  private done = 0;
  private good = 0;
  private attacks = 0;
  private seconds = 0;
  /** Whether an operation could not be answered: nothing more is sent. */
  private isLost = false;

  constructor(
    private readonly face: FuzzedFace,
    private readonly plan: FuzzPlan,
    /** Called after each operation with their count so far. */
    private readonly onProgress: (done: number) => void,
  ) {}

  /** Goes on until so many operations of the plan are done, and all have ended. */
  async advance(upTo: number): Promise<void> {
    const startedMs = performance.now();
    const workers = Array.from({ length: this.plan.inFlight }, () => this.work(upTo));
    const attackers = Array.from({ length: attackersMax }, () => this.attack(upTo));
    try {
      await Promise.all([...workers, ...attackers]);
    } finally {
      // Otherwise attackers wait for operations that nobody sends.
      this.isLost = true;
      await Promise.allSettled([...workers, ...attackers]);
    }
    this.isLost = false;
    this.seconds += (performance.now() - startedMs) / 1000;
  }

  report(): FuzzReport {
    const { endings, faults, good, attacks, done, seconds } = this;
    return { mutated: done - good, good, attacks, seconds, perSecond: done / seconds, endings, faults };
  }

  private async work(upTo: number): Promise<void> {
    const { seed, from } = this.plan;
    while (this.started < upTo && !this.isLost) {
      const number = from + this.started++;
      const name = `operation ${number} of seed ${seed}`;
      const { isGood, ending, fault } = await this.face
        .operate(number, randomOf(seed, number))
        .catch((error) => Promise.reject(new Error(`${name}: ${error.message}`, { cause: error })));
      if (isGood) this.good++;
      else this.endings[ending] = (this.endings[ending] ?? 0) + 1;
      this.note(name, fault);
      this.onProgress(++this.done);
    }
  }

  /** Attacks keep pace with the operations. */
  private async attack(upTo: number): Promise<void> {
    const { seed, from } = this.plan;
    while (this.done < upTo && !this.isLost) {
      const due = Math.floor(this.done / operationsPerAttack);
      if (this.attacks >= due) {
        await new Promise((next) => setTimeout(next, attackPauseMs));
        continue;
      }
      const number = from + this.attacks++;
      this.note(
        `attack ${number} of seed ${seed}`,
        await this.face.attack(randomOf(seed ^ attackSeed, number)),
      );
    }
  }

  private note(name: string, fault: string | null): void {
    if (fault !== null && this.faults.length < faultsMax) this.faults.push(`${name}: ${fault}`);
  }
}

/** Randomness that decides operation `number` of a run. */
export function randomOf(seed: number, number: number): Random {
  return seededRandom(Math.imul(seed, 0x85eb_ca6b) + Math.imul(number, 0xc2b2_ae35));
}
