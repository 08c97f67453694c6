import { ExecutionService } from "@infaas/api";
import { Code, createRpcClient, type DialSecurity, ServiceError } from "@infaas/runtime";
import type { Endpoint } from "../view/live-instance";

/**
 * How long queries that were lost with a link wait to hear whether they ended the process at its other end.
 */
const VERDICT_TIMEOUT_MS = 1_000;

/**
 * The error of a query whose batch was under way when its process ended; null: it was not in a batch and may
 * be run again.
 */
export type Verdict = (variant: string, id: number) => ServiceError | null;

const BYSTANDER: Verdict = () => null;

/**
 * Asks the executor how an engine process ended. A query that was in a batch under way is not to be run again: it would end the
 * next process too. Never rejects: whoever can't be asked has seen nothing.
 */
export async function processEnd(
  { parentAddress, incarnation }: Pick<Endpoint, "parentAddress" | "incarnation">,
  dial: DialSecurity,
): Promise<Verdict> {
  if (parentAddress === null) return BYSTANDER;
  const executor = createRpcClient(ExecutionService, parentAddress, { dial });
  try {
    const end = await executor.describeEnd({ incarnation }, { timeoutMs: VERDICT_TIMEOUT_MS });
    const suspects = new Set(end.suspects);
    const ids = new Set(end.queryIds);
    return (variant, id) =>
      suspects.has(variant) && ids.has(id)
        ? new ServiceError(Code.INTERNAL, `the engine process that ran the query ${end.reason}`)
        : null;
  } catch {
    return BYSTANDER;
  } finally {
    executor.close();
  }
}
