import type { Random } from "@infaas/runtime";
import { AnswerBook } from "../answer-book";
import { type FuzzedFace, isGoodNumber, type Operated } from "../fuzz-run";
import type { FuzzedSystem } from "../fuzzed-system";
import { learnAnswers } from "../good-calls";
import { RawCaller } from "../raw-caller";
import { attackHttp } from "./http-attacks";
import { HttpConnection, type HttpOutcome } from "./http-connection";
import { goodExchange } from "./http-good";
import { type HttpMutant, makeHttpMutant } from "./http-mutants";

/** Exchanges on one connection before it is replaced. */
const exchangesPerConnection = 1_000;
const shownBytes = 400;
/**
 * What this server means by a status of 500 and more: not implemented, busy or away, too late. Others are
 * bugs.
 */
const rightServerStatuses: readonly number[] = [501, 503, 504];
/** Node's own answers, to heads that it does not read: they have no body. */
const nodeStatuses: readonly number[] = [400, 408, 431];

/** The HTTP port: mutated JSON, tensors, paths and headers, and good queries in every form it takes. */
export class HttpFace implements FuzzedFace {
  private readonly book: AnswerBook;
  private readonly idle: HttpConnection[] = [];

  constructor(private readonly system: FuzzedSystem) {
    this.book = new AnswerBook(system);
  }

  /** By gRPC: both faces have to answer alike. */
  async learn(): Promise<void> {
    const caller = new RawCaller(this.system.address);
    await learnAnswers(this.system, this.book, (call) => caller.call(call));
    caller.close();
  }

  async operate(number: number, random: Random): Promise<Operated> {
    if (isGoodNumber(number)) {
      const { bytes, methods, faultOf } = goodExchange(this.system, this.book, number, random);
      return { isGood: true, ending: "", fault: faultOf(await this.exchange(bytes, methods)) };
    }
    const mutant = makeHttpMutant(this.system, random);
    const [outcome] = await this.exchange(mutant.bytes, [mutant.method]);
    return { isGood: false, ending: String(outcome!.status), fault: faultOf(mutant, outcome!) };
  }

  attack(random: Random): Promise<string | null> {
    return attackHttp(this.system.httpAddress, random);
  }

  close(): void {
    for (const connection of this.idle) connection.close();
  }

  private async exchange(bytes: Buffer, methods: readonly string[]): Promise<readonly HttpOutcome[]> {
    const connection = this.open();
    const outcomes = await connection.exchange(bytes, methods);
    const isLast = outcomes.some(({ headers }) => headers.get("connection") === "close");
    if (connection.usable && !isLast && connection.exchanges < exchangesPerConnection)
      this.idle.push(connection);
    else connection.close();
    return outcomes;
  }

  private open(): HttpConnection {
    for (;;) {
      const connection = this.idle.pop();
      if (connection === undefined) return new HttpConnection(this.system.httpAddress);
      if (connection.usable) return connection;
    }
  }
}

function faultOf({ method, path, body }: HttpMutant, outcome: HttpOutcome): string | null {
  const fault = faultIn(outcome, method);
  if (fault === null) return null;
  return `${fault}, for ${method} ${path.slice(0, 100)} with ${body.length} bytes ${body.subarray(0, shownBytes).toString("hex")}`;
}

function faultIn({ status, headers, body }: HttpOutcome, method: string): string | null {
  if (status === null) return "the connection ended without an answer";
  if (status >= 500 && !rightServerStatuses.includes(status)) return `${status} ${body.subarray(0, 300)}`;
  if (status < 400 || method === "HEAD" || (nodeStatuses.includes(status) && body.length === 0)) return null;
  if (headers.get("content-encoding") !== undefined) return null;
  return isFailure(body) ? null : `${status} without a reason: ${body.subarray(0, 300)}`;
}

/** Health and readiness say "no" by 400 and the same JSON as "yes". */
function isFailure(body: Buffer): boolean {
  try {
    const json = JSON.parse(body.toString());
    return (
      (typeof json.error === "string" && json.error !== "") || json.ready === false || json.live === false
    );
  } catch {
    return false;
  }
}
