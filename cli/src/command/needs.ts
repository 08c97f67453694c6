import type { Requirements } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import type { Arguments, VerbOption } from "./verb";

/** Options that state what a row of a job needs: all but a latency objective. */
export const rowNeedOptions: Readonly<Record<string, VerbOption>> = {
  accuracy: {
    type: "number",
    unit: "share",
    least: 0,
    most: 1,
    doc: "Accuracy floor in the task's metric, 0 to 1 or a percentage: 95%.",
  },
  "max-cost": { type: "number", positive: true, doc: "Most to pay, US dollars per 1,000 queries." },
  objective: { type: "string", doc: "min-cost, max-accuracy or min-latency.", default: "min-cost" },
  "no-downgrade": {
    type: "boolean",
    doc: "Refuse rather than be served below the best adequate variant because of load.",
  },
  deterministic: { type: "boolean", doc: "Answer equal input bit for bit alike, whoever else asks." },
};

/** Options that state what a query needs; the same for `query` and `explain`. */
export const needOptions: Readonly<Record<string, VerbOption>> = {
  latency: {
    type: "number",
    unit: "ms",
    positive: true,
    doc: "Latency objective at the frontend, milliseconds or with a unit: 50ms, 2s.",
  },
  ...rowNeedOptions,
};

/** Returns the requirements (accuracy, latency, cost) stated by the arguments. */
export function needsOf(args: Arguments): Requirements {
  const latencyMs = args.number("latency");
  return { ...rowNeedsOf(args), ...(latencyMs === undefined ? {} : { latencyMs }) };
}

/** Returns the requirements of a job's rows. */
export function rowNeedsOf(args: Arguments): Omit<Requirements, "latencyMs"> {
  const objective = args.text("objective");
  if (objective !== "min-cost" && objective !== "max-accuracy" && objective !== "min-latency") {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `--objective is '${objective}'; it may be min-cost, max-accuracy or min-latency`,
    );
  }
  const minAccuracy = args.number("accuracy");
  const maxCostUsd = args.number("max-cost");
  return {
    objective,
    noDowngrade: args.flag("no-downgrade"),
    deterministic: args.flag("deterministic"),
    ...(minAccuracy === undefined ? {} : { minAccuracy }),
    ...(maxCostUsd === undefined ? {} : { maxCostUsd }),
  };
}

/** Returns the only positional argument; throws INVALID_ARGUMENT naming `what` for none or several. */
export function onlyPositional(args: Arguments, what: string): string {
  const [first, ...rest] = args.positionals;
  if (first !== undefined && rest.length === 0) return first;
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `exactly one ${what} is needed, ${args.positionals.length} were given; '--help' shows where it stands`,
  );
}
