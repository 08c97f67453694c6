import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GRPCInferenceService } from "@infaas/api";
import { codeName, createRpcClient, type Random, ServiceError, seededRandom } from "@infaas/runtime";
import type { Cluster } from "../cluster";
import type { OperatorModel } from "./hostile-operators";
import { hostileRequest } from "./hostile-values";

/** Longest run of one hostile query. */
const deadlineMs = 2_000;

/** How one operator took its hostile queries. */
export interface OperatorReport {
  readonly name: string;
  /** Why it was not registered; null where it was. */
  readonly refused: string | null;
  /** Queries by how they ended: `OK` or a canonical code. */
  readonly ends: Readonly<Record<string, number>>;
  /** How engine processes ended, each once: the signals that the refusals name. */
  readonly signals: readonly string[];
}

/** Which operators are run, and how. */
export interface OperatorPlan {
  readonly models: readonly OperatorModel[];
  /** Queries to each. */
  readonly requests: number;
  readonly seed: number;
  /** Operators that are asked side by side. */
  readonly atOnce: number;
  /** Called when an operator is done. */
  readonly onReport: (report: OperatorReport) => void;
}

/**
 * Registers each operator, sends it hostile queries one after the other and unloads it. Never rejects for
 * what an operator does.
 */
export async function runOperators(cluster: Cluster, folder: string, plan: OperatorPlan): Promise<void> {
  const repository = createRpcClient(GRPCInferenceService, cluster.address);
  const left = plan.models.values();
  const runSome = async () => {
    for (const model of left) {
      plan.onReport(await runOperator(cluster, folder, model, plan));
      await repository.repositoryModelUnload({ modelName: model.name }).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: plan.atOnce }, runSome));
  repository.close();
}

async function runOperator(
  cluster: Cluster,
  folder: string,
  model: OperatorModel,
  { requests, seed }: OperatorPlan,
): Promise<OperatorReport> {
  const { name } = model;
  const refused = await register(cluster, folder, model);
  if (refused !== null) return { name, refused, ends: {}, signals: [] };
  return { name, refused, ...(await ask(cluster, model, requests, seededRandom(seed))) };
}

async function register(cluster: Cluster, folder: string, model: OperatorModel): Promise<string | null> {
  const path = join(folder, `${model.name}.onnx`);
  await writeFile(path, model.file);
  return cluster.client.register({ path, name: model.name }).then(
    () => null,
    (fault) => ServiceError.from(fault).message,
  );
}

async function ask(cluster: Cluster, model: OperatorModel, requests: number, random: Random) {
  const ends: Record<string, number> = {};
  const signals = new Set<string>();
  for (let i = 0; i < requests; i++) {
    const inputs = hostileRequest(model.inputs, random);
    const end = await cluster.client.query(model.name, inputs, {}, { timeoutMs: deadlineMs }).then(
      () => "OK",
      (fault) => {
        const { code, message } = ServiceError.from(fault);
        for (const signal of message.match(/SIG[A-Z]+/g) ?? []) signals.add(signal);
        return codeName(code);
      },
    );
    ends[end] = (ends[end] ?? 0) + 1;
  }
  return { ends, signals: [...signals] };
}
