import { type Architecture, BatchingCertificate, type RegistrationResult } from "@infaas/api";
import type { Example, InfaasClient, Tensor } from "@infaas/client";
import { ServiceError } from "@infaas/runtime";
import type { ReferenceAnswer, ReferenceEngine } from "../reference";
import { difference, shapeDifference } from "./compare-answers";
import { varied } from "./vary-inputs";

/** A model file, and inputs that came with it. */
export interface ModelToCheck {
  /** Name it is registered under. */
  readonly name: string;
  readonly path: string;
  /** Files of inputs, for a model that registration finds none for. */
  readonly examples?: readonly Example[];
  /** Inputs that are asked beside those that registration found. */
  readonly inputs?: readonly (readonly Tensor[])[];
}

/** What became of one model. */
export type Outcome =
  | {
      readonly kind: "right";
      /** `batched`, or why its requests run alone. */
      readonly batching: string;
      /** It was registered with the inputs that came with it. */
      readonly byExample: boolean;
      /** It was registered although no input was found: its first queries are its profile. */
      readonly unprofiled: boolean;
      /** onnxruntime gives other answers each time: only their shapes were compared. */
      readonly atRandom: boolean;
      readonly queries: number;
    }
  /** An answer is not the engine's. */
  | { readonly kind: "wrong"; readonly why: string }
  /** It is not registered, or a query is refused that the engine answers. */
  | { readonly kind: "refused"; readonly why: string }
  /** The engine does not open the file. */
  | { readonly kind: "unopened"; readonly why: string };

/** Inputs made of those that registration found, asked at the same time so that they may share batches. */
const QUERIES = 6;

/**
 * Registers a model from its file alone, by its examples where that fails, asks it everything at once and compares each answer
 * with onnxruntime's own. What onnxruntime refuses must be refused.
 */
export async function checkModel(
  client: InfaasClient,
  engine: ReferenceEngine,
  model: ModelToCheck,
): Promise<Outcome> {
  const opened = await engine.answers(model.path, []);
  if ("fault" in opened) return { kind: "unopened", why: opened.fault };
  const registered = await register(client, model);
  if (typeof registered === "string") return { kind: "refused", why: registered };
  const { result, byExample } = registered;
  const golden = goldenInputs(result);
  const runs = [
    ...(golden === null ? [] : Array.from({ length: QUERIES }, (_, seed) => varied(golden, seed))),
    ...(model.inputs ?? []),
  ];
  const [first] = runs;
  if (first === undefined) return { kind: "refused", why: "no input is known that it takes" };
  const told = await engine.answers(model.path, [...runs, first]);
  if ("fault" in told) return { kind: "refused", why: told.fault };
  const atRandom = differs(told.answers[0]!, told.answers.at(-1)!);
  const faults = await Promise.all(
    runs.map((inputs, run) => faultOf(client, model.name, inputs, told.answers[run]!, atRandom)),
  );
  const fault = faults.find((one) => one !== null) ?? null;
  if (fault !== null) return fault;
  const batching = batchingOf(result.architecture);
  return { kind: "right", batching, byExample, unprofiled: golden === null, atRandom, queries: runs.length };
}

async function register(
  client: InfaasClient,
  { name, path, examples = [] }: ModelToCheck,
): Promise<{ readonly result: RegistrationResult; readonly byExample: boolean } | string> {
  const alone = await client.register({ name, path }).catch(messageOf);
  if (typeof alone !== "string") return { result: alone, byExample: false };
  if (examples.length === 0) return alone;
  const given = await client.register({ name, path, examples }).catch(messageOf);
  return typeof given === "string"
    ? `${alone}; with its examples: ${given}`
    : { result: given, byExample: true };
}

/** One row, as every instance answers it before it serves; null where registration found none. */
function goldenInputs({ architecture, variants: [variant] }: RegistrationResult): Tensor[] | null {
  if (variant === undefined || variant.unprofiledReason !== "") return null;
  const required = (architecture?.inputs ?? []).filter(({ optional }) => !optional);
  return required.map(({ name, datatype }, index) => ({
    name,
    datatype,
    shape: (variant.goldenInputShapes[index]?.dims ?? []).map(Number),
    bytes: variant.goldenInputs[index] ?? new Uint8Array(),
  }));
}

async function faultOf(
  client: InfaasClient,
  name: string,
  inputs: readonly Tensor[],
  wanted: ReferenceAnswer,
  atRandom: boolean,
): Promise<Outcome | null> {
  const got = await client.query(name, inputs).catch(messageOf);
  if (typeof got === "string")
    return "fault" in wanted ? null : { kind: "refused", why: `${shapesOf(inputs)}: ${got}` };
  if ("fault" in wanted)
    return { kind: "wrong", why: `${shapesOf(inputs)} is answered, onnxruntime refuses it: ${wanted.fault}` };
  const compare = atRandom ? shapeDifference : difference;
  const why = compare(got.outputs, wanted.outputs);
  return why === null ? null : { kind: "wrong", why };
}

function differs(first: ReferenceAnswer, second: ReferenceAnswer): boolean {
  if ("fault" in first || "fault" in second) return false;
  return difference(first.outputs, second.outputs) !== null;
}

function batchingOf(architecture: Architecture | undefined): string {
  const { batchable = false, unbatchableReason = "", batchingCertificate = 0 } = architecture ?? {};
  if (!batchable) return unbatchableReason;
  return batchingCertificate === BatchingCertificate.PROVEN ? "batched" : "batched, not proven";
}

function shapesOf(inputs: readonly Tensor[]): string {
  return inputs.map(({ name, shape }) => `${name} [${shape}]`).join(", ");
}

function messageOf(fault: unknown): string {
  return ServiceError.from(fault).message;
}
