import { Code, codeName, type Random } from "@infaas/runtime";
import { AnswerBook } from "./answer-book";
import { attackConnection } from "./connection-garbage";
import { type FuzzedFace, isGoodNumber, type Operated } from "./fuzz-run";
import type { FuzzedSystem } from "./fuzzed-system";
import { goodCall, learnAnswers } from "./good-calls";
import { type Mutant, makeMutant } from "./mutants";
import { RawCaller } from "./raw-caller";
import type { RawOutcome } from "./raw-connection";

/** Codes that say "this is a bug". */
const bugCodes: readonly number[] = [Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS];
/**
 * What grpc-js says of a peer's own faults, before a handler or an interceptor of ours is asked: with
 * INTERNAL.
 */
const libraryFaults = /^(Invalid grpc-timeout value|Failed to decompress message)/;
/** Headers beyond this a server of Node's resets, without a status. */
const headerBytesMax = 16 * 1024;
const shownBytes = 400;

/** The gRPC port: mutated calls of every method, and good ones of the three that answer queries. */
export class GrpcFace implements FuzzedFace {
  private readonly book: AnswerBook;
  private readonly callers: readonly RawCaller[];

  constructor(
    private readonly system: FuzzedSystem,
    private readonly ingress: "native" | "grpc-js",
    connections: number,
  ) {
    this.book = new AnswerBook(system);
    this.callers = Array.from({ length: connections }, () => new RawCaller(system.address));
  }

  learn(): Promise<void> {
    return learnAnswers(this.system, this.book, (call) => this.callers[0]!.call(call));
  }

  async operate(number: number, random: Random): Promise<Operated> {
    const caller = this.callers[number % this.callers.length]!;
    if (isGoodNumber(number)) {
      const { call, faultOf } = goodCall(this.system, this.book, number, random);
      const fault = faultOf(await caller.call(call));
      return { isGood: true, ending: "", fault };
    }
    const mutant = makeMutant(this.system, random);
    if (mutant.abandonedAt !== null) {
      caller.abandon(mutant.call, mutant.abandonedAt);
      return { isGood: false, ending: "given up", fault: null };
    }
    const outcome = await caller.call(mutant.call);
    const ending = outcome.code === null ? "none" : codeName(outcome.code as Code);
    return { isGood: false, ending, fault: this.faultOf(mutant, outcome, ending) };
  }

  attack(random: Random): Promise<string | null> {
    return attackConnection(this.system.address, random);
  }

  close(): void {
    for (const caller of this.callers) caller.close();
  }

  private faultOf(mutant: Mutant, outcome: RawOutcome, ending: string): string | null {
    const { path, body, call, request } = mutant;
    const shown = () => `${path} with ${body.length} bytes ${body.subarray(0, shownBytes).toString("hex")}`;
    const headerBytes = call.open(1).reduce((sum, { length }) => sum + length, 0);
    const isLibrary =
      this.ingress === "grpc-js" &&
      (outcome.code === null ? headerBytes > headerBytesMax : libraryFaults.test(outcome.message));
    if ((outcome.code === null || bugCodes.includes(outcome.code)) && !isLibrary)
      return `${ending} '${outcome.message}' for ${shown()}`;
    if (request === null || outcome.code !== Code.OK) return null;
    const fault = this.book.faultOfMutated(request, outcome.answers[0]);
    return fault === null ? null : `answered wrongly, ${fault}, for ${shown()}`;
  }
}
