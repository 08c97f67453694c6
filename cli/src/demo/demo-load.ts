import type { Answer, InfaasClient, Requirements, Tensor } from "@infaas/client";
import { numbersOf } from "@infaas/client";
import { codeName, type Random, ServiceError, sleep, systemClock } from "@infaas/runtime";

/** One query of the load: its tensor, and the right class of each row. */
export interface DemoQuery {
  readonly input: Tensor;
  readonly labels: readonly number[];
}

export interface DemoLoadOptions {
  readonly client: Pick<InfaasClient, "query">;
  readonly random: Random;
  readonly target: string;
  readonly needs: Requirements;
  /** Sent in turn. */
  readonly queries: readonly DemoQuery[];
}

/** What became of all queries, as their caller sees it. */
export interface LoadOutcome {
  sent: number;
  answered: number;
  /** Answers whose scores are not those that the same variant gave for the same query before. */
  wrong: number;
  rows: number;
  /** Rows whose class is the right one. */
  rightRows: number;
  /** Refusals by their canonical code. */
  readonly refused: Record<string, number>;
  /** What the first refusal of each code said. */
  readonly sentences: Record<string, string>;
  /** Neither answered nor refused within `QUERY_TIMEOUT_MS`. */
  lost: number;
}

/** Arrivals that are overdue for longer are left out: a generator that catches up would offer bursts that nobody asked for. */
const OVERDUE_MAX_MS = 500;
/** Shortest timer of Node. */
const TICK_MS = 1;
/** How long a caller waits: far longer than any objective of the story. */
const QUERY_TIMEOUT_MS = 15_000;
/** Scores of one variant differ by less between batches of different size. */
const SCORE_TOLERANCE = 1e-2;

/** Poisson arrivals at a rate that may change, whatever becomes of the answers. */
export class DemoLoad {
  readonly outcome: LoadOutcome = {
    sent: 0,
    answered: 0,
    wrong: 0,
    rows: 0,
    rightRows: 0,
    refused: {},
    sentences: {},
    lost: 0,
  };
  /** Queries per second. */
  perSecond = 0;
  private readonly references = new Map<string, readonly number[]>();
  private readonly pending = new Set<Promise<void>>();
  private stopped = false;

  constructor(private readonly o: DemoLoadOptions) {}

  /** Offers queries until `stop`. */
  async run(): Promise<void> {
    let dueMs = systemClock.nowMs();
    let next = 0;
    while (!this.stopped) {
      const nowMs = systemClock.nowMs();
      if (this.perSecond === 0) dueMs = nowMs;
      dueMs = Math.max(dueMs, nowMs - OVERDUE_MAX_MS);
      for (; this.perSecond > 0 && dueMs <= nowMs; dueMs += this.gapMs()) this.send(next++);
      await sleep(systemClock, TICK_MS);
    }
    await Promise.all(this.pending);
  }

  stop(): void {
    this.stopped = true;
  }

  private gapMs(): number {
    return (-Math.log(1 - this.o.random.next()) / this.perSecond) * 1000;
  }

  private send(number: number): void {
    const { client, target, needs, queries } = this.o;
    const index = number % queries.length;
    const query = queries[index] as DemoQuery;
    const sentMs = systemClock.nowMs();
    this.outcome.sent++;
    const ended = client.query(target, [query.input], needs, { timeoutMs: QUERY_TIMEOUT_MS }).then(
      (answer) => this.answered(answer, index, query),
      (error: unknown) => this.refused(ServiceError.from(error), systemClock.nowMs() - sentMs),
    );
    this.pending.add(ended);
    void ended.finally(() => this.pending.delete(ended));
  }

  private answered({ outputs, receipt }: Answer, index: number, { labels }: DemoQuery): void {
    const { outcome } = this;
    const [output] = outputs;
    const scores = output === undefined ? [] : numbersOf(output);
    const key = `${receipt.variant} ${index}`;
    const reference = this.references.get(key) ?? scores;
    this.references.set(key, reference);
    const isSame =
      scores.length === reference.length &&
      scores.every((score, i) => Math.abs(score - (reference[i] as number)) <= SCORE_TOLERANCE);
    outcome.answered++;
    if (!isSame || scores.length === 0) outcome.wrong++;
    const classes = scores.length / labels.length;
    outcome.rows += labels.length;
    labels.forEach((label, row) => {
      const of = scores.slice(row * classes, (row + 1) * classes);
      if (of.indexOf(Math.max(...of)) === label) outcome.rightRows++;
    });
  }

  private refused(error: ServiceError, afterMs: number): void {
    const { outcome } = this;
    const code = codeName(error.code);
    if (afterMs >= QUERY_TIMEOUT_MS) {
      outcome.lost++;
      return;
    }
    outcome.refused[code] = (outcome.refused[code] ?? 0) + 1;
    outcome.sentences[code] ??= error.message;
  }
}
