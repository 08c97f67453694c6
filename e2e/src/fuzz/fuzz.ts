import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema, ModelInferResponseSchema } from "@infaas/api";
import { Code, codeName, type Random, seededRandom } from "@infaas/runtime";
import { attackConnection } from "./connection-garbage";
import { prefixed, RawCaller, type RawOutcome } from "./raw-caller";
import { otherMethods, seedMessage } from "./seed-messages";
import { below, mutateMessage, pick } from "./wire-mutator";

/** What to attack, and how much. */
export interface FuzzPlan {
  /** Frontend, host:port, in the clear. */
  readonly address: string;
  /** A variant whose answers are checked, and the rows it is asked about. */
  readonly variant: string;
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  readonly rows: readonly Uint8Array[];
  /** Names that mean something to the system, for requests that are nearly right. */
  readonly names: readonly string[];
  readonly mutated: number;
  readonly inFlight: number;
  readonly seed: number;
}

/** What came of it. Everything but `codes` should be empty or 0. */
export interface FuzzReport {
  readonly mutated: number;
  readonly good: number;
  readonly connections: number;
  /** Mutated calls by how they ended. */
  readonly codes: Readonly<Record<string, number>>;
  readonly wrongAnswers: readonly string[];
  /** Calls that ended with a code that says "this is a bug", or with none; bytes in hexadecimal. */
  readonly bugs: readonly string[];
}

const inferPath = "/inference.GRPCInferenceService/ModelInfer";
const streamPath = "/inference.GRPCInferenceService/ModelStreamInfer";
/** One good request among so many mutated ones; one broken connection among so many of both. */
const mutatedPerGood = 10;
const callsPerAttack = 200;
const toleratedDifference = 1e-4;
const reportedMax = 20;
const shownBytes = 400;
const bugCodes: readonly (number | null)[] = [null, Code.INTERNAL, Code.UNKNOWN];

/** Sends mutated calls beside good ones whose answers are checked. Rejects when a call hangs or the server is gone. */
export async function fuzz(plan: FuzzPlan): Promise<FuzzReport> {
  const run = new FuzzRun(plan);
  await run.learn();
  await Promise.all(Array.from({ length: plan.inFlight }, (_, worker) => run.work(worker)));
  return run.report();
}

class FuzzRun {
  private readonly expected: Float32Array[] = [];
  private readonly codes: Record<string, number> = {};
  private readonly wrongAnswers: string[] = [];
  private readonly bugs: string[] = [];
  private mutated = 0;
  private good = 0;
  private connections = 0;

  constructor(private readonly plan: FuzzPlan) {}

  /** Asks every row once, alone: what is answered then has to be answered always. */
  async learn(): Promise<void> {
    const caller = new RawCaller(this.plan.address);
    for (const row of this.plan.rows) {
      const outcome = await caller.call(inferPath, prefixed(this.request(row)));
      if (outcome.code !== 0)
        throw new Error(`a good request ended with ${outcome.code}: ${outcome.message}`);
      this.expected.push(valuesOf(outcome));
    }
    caller.close();
  }

  async work(worker: number): Promise<void> {
    const { address, mutated, seed } = this.plan;
    const random = seededRandom(seed + worker);
    const caller = new RawCaller(address);
    for (let call = 1; this.mutated < mutated; call++) {
      if (call % (mutatedPerGood + 1) === 0) await this.sendGood(caller, random);
      else await this.sendMutated(caller, random);
      if (call % callsPerAttack === 0) {
        await attackConnection(address, random);
        this.connections++;
      }
    }
    caller.close();
  }

  report(): FuzzReport {
    const { mutated, good, connections, codes, wrongAnswers, bugs } = this;
    return { mutated, good, connections, codes, wrongAnswers, bugs };
  }

  private async sendGood(caller: RawCaller, random: Random): Promise<void> {
    const { rows } = this.plan;
    const index = below(random, rows.length);
    this.good++;
    const outcome = await caller.call(inferPath, prefixed(this.request(rows[index]!)));
    const fault = outcome.code === 0 ? differs(valuesOf(outcome), this.expected[index]!) : null;
    if (outcome.code !== 0) this.note(this.wrongAnswers, `row ${index}: ${outcome.code} ${outcome.message}`);
    else if (fault !== null) this.note(this.wrongAnswers, `row ${index}: ${fault}`);
  }

  private async sendMutated(caller: RawCaller, random: Random): Promise<void> {
    this.mutated++;
    const { path, messages } = this.makeMutated(random);
    const body = Buffer.concat(messages.map(prefixed));
    if (random.next() < 0.02 && body.length > 5) body.writeUInt32BE(below(random, 0xffff_ffff), 1);
    if (random.next() < 0.02 && body.length > 0) body[0] = below(random, 256);
    const outcome = await caller.call(path, body, random.next() < 0.02 ? { "grpc-encoding": "gzip" } : {});
    const name = outcome.code === null ? "none" : codeName(outcome.code as Code);
    this.codes[name] = (this.codes[name] ?? 0) + 1;
    if (bugCodes.includes(outcome.code)) {
      const shown = body.subarray(0, shownBytes).toString("hex");
      this.note(this.bugs, `${path}: ${name} '${outcome.message}' for ${body.length} bytes ${shown}`);
    }
  }

  private makeMutated(random: Random): { path: string; messages: Buffer[] } {
    const { rows, names } = this.plan;
    const infer = () => mutateMessage(this.request(pick(rows, random)), random);
    const chance = random.next();
    if (chance < 0.7) return { path: inferPath, messages: [infer()] };
    if (chance < 0.8) {
      const messages = Array.from({ length: 1 + below(random, 4) }, () =>
        random.next() < 0.3 ? this.request(pick(rows, random)) : infer(),
      );
      return { path: streamPath, messages };
    }
    const { path, input, streamsRequest } = pick(otherMethods, random);
    const count = streamsRequest ? below(random, 4) : 1;
    const messages = Array.from({ length: count }, () =>
      mutateMessage(seedMessage(input, names, random), random),
    );
    return { path, messages };
  }

  private request(row: Uint8Array): Buffer {
    const { variant, input } = this.plan;
    const message = create(ModelInferRequestSchema, {
      modelName: variant,
      id: "fuzz",
      parameters: { priority: { parameterChoice: { case: "int64Param", value: 0n } } },
      inputs: [{ name: input.name, datatype: "FP32", shape: [1, ...input.shape].map(BigInt) }],
      rawInputContents: [row],
    });
    return Buffer.from(toBinary(ModelInferRequestSchema, message));
  }

  private note(list: string[], what: string): void {
    if (list.length < reportedMax) list.push(what);
  }
}

function valuesOf({ answers: [answer] }: RawOutcome): Float32Array {
  const { rawOutputContents } = fromBinary(ModelInferResponseSchema, answer ?? new Uint8Array());
  return new Float32Array(Uint8Array.from(rawOutputContents[0] ?? []).buffer);
}

function differs(got: Float32Array, expected: Float32Array): string | null {
  if (got.length !== expected.length) return `${got.length} values instead of ${expected.length}`;
  const worst = got.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  return worst <= toleratedDifference ? null : `differs by ${worst}`;
}
