import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type Explanation,
  explanationToWire,
  InferenceService,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  type QueryRequest,
  sloFromWire,
} from "@infaas/api";
import type { Slo } from "@infaas/policy";
import {
  type CallContext,
  type Clock,
  Code,
  type Implementation,
  implementService,
  ServiceError,
} from "@infaas/runtime";
import { BytesBody } from "./body";
import type { ClusterView } from "./cluster-view";
import { countRows } from "./infer-head";
import { findModel, lookUp } from "./open-inference";
import { type QueryReceipt, receiptMessage } from "./receipts";
import { overBoundsRefusal, refusalMessage } from "./refusals";
import { DEFAULT_LANE, shorter, sloFault } from "./requirements";
import type { Router } from "./router";
import type { Selector } from "./selector";
import type { Statistics } from "./statistics";
import type { Tenants } from "./tenants";
import type { QueryTraces } from "./traces";

/** What the service needs. */
export interface InferenceServiceOptions {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly router: Router;
  readonly tenants: Tenants;
  readonly selector: Selector;
  readonly statistics: Statistics;
  readonly traces: QueryTraces;
}

type QueryAnswer = [body: Uint8Array, receipt: QueryReceipt, explanation: Explanation | null];

const ROWS_MAX = 1_000_000;

/** infaas.v1.InferenceService: the same way of a query as ModelInfer, with typed requirements and receipt. */
export function inferenceService(o: InferenceServiceOptions): Implementation {
  return implementService(InferenceService, {
    query: async (request, context) => {
      const [body, receipt, explanation] = await answerOf(o, request, context);
      const { outputs, rawOutputContents } = fromBinary(ModelInferResponseSchema, body);
      return {
        id: request.id,
        outputs,
        rawOutputContents,
        receipt: receiptMessage(receipt),
        ...(explanation === null ? {} : { explanation }),
      };
    },
    explain: async ({ target, slo, rows }) => {
      const model = findModel(o.view, target, "");
      if (rows < 0 || rows > ROWS_MAX) {
        throw new ServiceError(
          Code.INVALID_ARGUMENT,
          `rows is ${rows}; allowed: 1 to ${ROWS_MAX}, 0 means 1`,
        );
      }
      const wanted = readSlo(slo, null);
      const question = {
        model,
        rows: Math.max(1, rows),
        slo: wanted,
        remainingMs: wanted.latencyMs ?? Number.POSITIVE_INFINITY,
        explain: true,
        nowMs: o.clock.nowMs(),
        excludedExecutor: null,
      };
      const explained = o.selector.explain(question);
      const { decision } = explained;
      const explanation = explanationToWire(explained);
      if (decision.kind === "selected" || decision.kind === "cold") {
        return { variant: decision.variant.name, executor: decision.executor.name, explanation };
      }
      return { explanation, refusal: refusalMessage(decision, question, null) };
    },
  });
}

function answerOf(
  o: InferenceServiceOptions,
  request: QueryRequest,
  context: CallContext,
): Promise<QueryAnswer> {
  const arrivedMs = o.clock.nowMs();
  const asked = lookUp(o.view, request.target, "");
  const askedName = asked instanceof ServiceError ? "" : asked.name;
  const trace = o.traces.start(context.metadata.get("traceparent")[0]?.toString(), askedName);
  const body = encodeInferRequest(request);
  const { caller } = context;
  const tenant = o.tenants.of(caller);
  const over = tenant.admit(body.byteLength, arrivedMs);
  return new Promise((resolve, reject) => {
    const refused = (error: ServiceError) => {
      if (over === null) tenant.release(body.byteLength);
      const totalMs = o.clock.nowMs() - arrivedMs;
      o.statistics.recordFailure(askedName, totalMs);
      o.traces.refused(trace, error, totalMs);
      reject(error);
    };
    try {
      if (over !== null) throw overBoundsRefusal(caller.tenant, over);
      if (asked instanceof ServiceError) throw asked;
      const slo = readSlo(request.slo, context.deadlineMs);
      const inputs = request.inputs.map(({ name, shape }) => ({ name, shape: shape.map(Number) }));
      const rows = countRows(asked, inputs);
      if (rows instanceof ServiceError) throw rows;
      const flight = o.router.route({
        model: asked,
        rows,
        requirements: { slo, explain: request.explain, lane: DEFAULT_LANE, queueTimeoutMs: null },
        tenant: caller.tenant,
        body: new BytesBody(body),
        arrivedMs,
        trace,
        caller: {
          answered: (answer, receipt, explanation) => {
            tenant.release(body.byteLength);
            o.statistics.recordAnswer(receipt.variant.name, receipt, o.clock.epochMs());
            o.traces.answered(trace, receipt);
            resolve([answer.bytes(), receipt, explanation]);
          },
          refused,
        },
      });
      context.signal.addEventListener("abort", () => {
        if (flight.cancel()) refused(new ServiceError(Code.CANCELLED, "cancelled by the caller"));
      });
    } catch (error) {
      refused(ServiceError.from(error));
    }
  });
}

function readSlo(wire: QueryRequest["slo"], deadlineMs: number | null): Slo {
  const converted = sloFromWire(wire);
  if (!converted.ok) throw new ServiceError(Code.INVALID_ARGUMENT, converted.fault);
  const slo = converted.value;
  const fault = sloFault(slo);
  if (fault !== null) throw new ServiceError(Code.INVALID_ARGUMENT, fault);
  return { ...slo, latencyMs: shorter(slo.latencyMs, deadlineMs) };
}

/**
 * The link carries ModelInferRequests only: one form for executors to read. Parameters of single tensors mean nothing
 * here, and what an executor makes of them only the Open Inference Protocol's way in may say.
 */
function encodeInferRequest({ target, id, inputs, rawInputContents }: QueryRequest): Uint8Array {
  const plain = inputs.map((input) => ({ ...input, parameters: {} }));
  const request = create(ModelInferRequestSchema, { modelName: target, id, inputs: plain, rawInputContents });
  return toBinary(ModelInferRequestSchema, request);
}
