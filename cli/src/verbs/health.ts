import { HealthService, ServingStatus } from "@infaas/api";
import { Code, createRpcClient, dialWith, ServiceError } from "@infaas/runtime";
import type { Verb } from "../command/verb";
import { addressNamed, connectOptions, unconnected } from "../connect";
import { booleanSchema, objectSchema, textSchema } from "../terminal/json-schema";

/** How long a process may take to say whether it serves: less than most health checks wait. */
const HEALTH_TIMEOUT_MS = 2_000;

/** `infaas health`: asks one process whether it serves; the exit status says it, for health checks of containers. */
export const health: Verb = {
  name: "health",
  usage: "",
  summary: "ask whether the process at --address serves: a frontend, metadata or an executor",
  options: {},
  outcome: objectSchema({ address: textSchema, serving: booleanSchema }),
  async run(args, terminal) {
    const address = addressNamed(args);
    const dial = dialWith(connectOptions(args));
    const client = createRpcClient(HealthService, address, { defaultTimeoutMs: HEALTH_TIMEOUT_MS, dial });
    try {
      const { status } = await client.check({});
      if (status !== ServingStatus.SERVING)
        throw new ServiceError(Code.UNAVAILABLE, `${address} does not serve: ${ServingStatus[status]}`);
      terminal.result({ address, serving: true }, () => [`${address} serves`]);
    } catch (error) {
      throw unconnected(ServiceError.from(error), address);
    } finally {
      client.close();
    }
  },
};
