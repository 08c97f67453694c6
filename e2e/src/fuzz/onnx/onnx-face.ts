import { createHash } from "node:crypto";
import { ArtifactService, CatalogService } from "@infaas/api";
import { Code, codeName, createRpcClient, type Random, ServiceError } from "@infaas/runtime";
import { AnswerBook } from "../answer-book";
import { type FuzzedFace, isGoodNumber, type Operated } from "../fuzz-run";
import type { FuzzedSystem } from "../fuzzed-system";
import { goodCall, learnAnswers } from "../good-calls";
import { RawCaller } from "../raw-caller";
import { below } from "../wire-mutator";
import { mutatePackage } from "./mutate-package";
import { type OnnxPackage, soundPackages } from "./sound-packages";

/** Registrations under way at a time: one is profiled, the next waits for it. */
export const onnxInFlight = 2;
/** Longest registration of a mutant: its stages have limits of their own (`onnxLimits`). */
const REGISTRATION_MAX_MS = 300_000;
/** Codes that say "this is a bug", or that a process of the system was lost. */
const bugCodes: readonly number[] = [Code.INTERNAL, Code.UNKNOWN, Code.UNAVAILABLE, Code.DATA_LOSS];

/** Environment of a system whose registrations of mutants are to end soon. */
export const onnxLimits = { INFAAS_PROFILE_STAGE_MS_MAX: "20000", INFAAS_PROFILE_MS_MAX: "60000" } as const;

/**
 * Registration: mutated ONNX files and packages, and good queries of a model beside them. Mutants are registered under the name
 * of the sound model that they were made of, so that accepted ones replace each other and do not gather.
 */
export class OnnxFace implements FuzzedFace {
  private readonly book: AnswerBook;
  private readonly caller: RawCaller;
  private readonly artifacts;
  private readonly catalog;
  private readonly sound = soundPackages();

  constructor(private readonly system: FuzzedSystem) {
    this.book = new AnswerBook(system);
    this.caller = new RawCaller(system.address);
    this.artifacts = createRpcClient(ArtifactService, system.address);
    this.catalog = createRpcClient(CatalogService, system.address);
  }

  /** Registers the sound models too: all of them have to be taken. */
  async learn(): Promise<void> {
    await learnAnswers(this.system, this.book, (call) => this.caller.call(call));
    for (const [index, sound] of this.sound.entries()) await this.register(nameOf(index), sound);
  }

  async operate(number: number, random: Random): Promise<Operated> {
    if (isGoodNumber(number))
      return { isGood: true, ending: "", fault: await this.askBystander(number, random) };
    const index = below(random, this.sound.length);
    const mutant = mutatePackage(this.sound[index]!, random);
    try {
      await this.register(nameOf(index), mutant);
      return { isGood: false, ending: "OK", fault: null };
    } catch (cause) {
      const { code, message } = ServiceError.from(cause);
      const ending = codeName(code);
      return { isGood: false, ending, fault: bugCodes.includes(code) ? `${ending} '${message}'` : null };
    }
  }

  /** Connections are not what this face is about: the bystander is asked once more. */
  attack(random: Random): Promise<string | null> {
    return this.askBystander(0, random);
  }

  close(): void {
    for (const client of [this.caller, this.artifacts, this.catalog]) client.close();
  }

  private async askBystander(number: number, random: Random): Promise<string | null> {
    const { call, faultOf } = goodCall(this.system, this.book, number, random);
    return faultOf(await this.caller.call(call));
  }

  private async register(name: string, { model, externalData }: OnnxPackage): Promise<void> {
    const files = [];
    for (const file of externalData) files.push({ name: file.name, digest: await this.upload(file.bytes) });
    const request = { name, modelDigest: await this.upload(model), externalData: files };
    const events = this.catalog.registerModel(request, { timeoutMs: REGISTRATION_MAX_MS });
    for await (const _ of events);
  }

  private async upload(data: Buffer): Promise<string> {
    const digest = `sha256:${createHash("sha256").update(data).digest("hex")}`;
    const { complete } = await this.artifacts.statArtifact({ digest });
    async function* pieces() {
      yield { digest, totalBytes: BigInt(data.length), offset: 0n, data };
    }
    if (!complete) await this.artifacts.uploadArtifact(pieces());
    return digest;
  }
}

function nameOf(index: number): string {
  return `fuzzed-${index}`;
}
