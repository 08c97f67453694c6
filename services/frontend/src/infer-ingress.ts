import { fromBinary, toJsonString } from "@bufbuild/protobuf";
import {
  type Explanation,
  ExplanationSchema,
  encodeAnswerHead,
  type InferHead,
  type ModelInferRequest,
  ModelInferRequestSchema,
  scanInferRequest,
} from "@infaas/api";
import {
  type Clock,
  Code,
  formatTraceparent,
  type RawUnaryCall,
  ServiceError,
  type SpanContext,
} from "@infaas/runtime";
import { AnswerMessage } from "./answer-message";
import type { CatalogModel } from "./catalog";
import type { ClusterView } from "./cluster-view";
import { lookUp } from "./open-inference";
import { type QueryReceipt, receiptParameters } from "./receipts";
import { type RawValue, type Requirements, readRequirements } from "./requirements";
import type { QueryCaller, Router } from "./router";
import type { Statistics } from "./statistics";
import type { QueryTraces } from "./traces";

/** What the ingress needs. */
export interface InferIngressOptions {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly router: Router;
  readonly statistics: Statistics;
  readonly traces: QueryTraces;
}

/**
 * ModelInfer on raw bytes: reads the head, routes, and answers with a fresh head before the executor's own bytes.
 * Tensors are neither decoded nor copied here.
 */
export function inferIngress(o: InferIngressOptions): (bytes: Buffer, call: RawUnaryCall) => void {
  return (bytes, call) => {
    const arrivedMs = o.clock.nowMs();
    const head = readHead(bytes);
    if (head instanceof ServiceError) {
      o.statistics.recordFailure("", 0);
      call.refuse(head);
      return;
    }
    const trace = o.traces.start(metadataValue(call, "traceparent"));
    const caller = new IngressCaller(o, call, head, arrivedMs, trace);
    const accepted = accept(o.view, head, call);
    if (accepted instanceof ServiceError) return caller.refused(accepted);
    caller.model = accepted.model;
    const flight = o.router.route({ ...accepted, body: bytes, arrivedMs, trace, caller });
    call.onCancel(() => {
      if (flight.cancel()) caller.refused(new ServiceError(Code.CANCELLED, "cancelled by the caller"));
    });
  };
}

interface Accepted {
  readonly model: CatalogModel;
  readonly requirements: Requirements;
  readonly rows: number;
}

function accept(view: ClusterView, head: InferHead, call: RawUnaryCall): Accepted | ServiceError {
  const model = lookUp(view, head.modelName, head.modelVersion);
  if (model instanceof ServiceError) return model;
  const read = readRequirements({
    parameters: head.parameters,
    metadata: (name) => metadataValue(call, name),
    deadlineMs: call.deadlineMs,
  });
  if (!read.ok) return new ServiceError(Code.INVALID_ARGUMENT, read.fault);
  const rows = countRows(model, head.inputs);
  if (rows instanceof ServiceError) return rows;
  return { model, requirements: read.requirements, rows };
}

/** Rows of a request: the first axis of its first input where the model is batched, else 1. */
export function countRows(
  model: CatalogModel,
  inputs: readonly { readonly name: string; readonly shape: readonly number[] }[],
): number | ServiceError {
  const [first] = inputs;
  if (first === undefined) {
    const wanted = model.architecture?.inputs.map((i) => i.name).join(", ") ?? "";
    return new ServiceError(Code.INVALID_ARGUMENT, `request has no inputs; '${model.name}' takes: ${wanted}`);
  }
  if (!model.batched) return 1;
  const rows = first.shape[0];
  if (rows === undefined || rows < 1) {
    const message = `input '${first.name}' has shape [${first.shape.join(", ")}]; the first axis must count at least 1 row`;
    return new ServiceError(Code.INVALID_ARGUMENT, message);
  }
  return rows;
}

/** One stock client waiting for its answer. */
class IngressCaller implements QueryCaller {
  model: CatalogModel | null = null;

  constructor(
    private readonly o: InferIngressOptions,
    private readonly call: RawUnaryCall,
    private readonly head: InferHead,
    private readonly arrivedMs: number,
    private readonly trace: SpanContext | null,
  ) {}

  answered(body: Uint8Array, receipt: QueryReceipt, explanation: Explanation | null): void {
    const { head, call, trace } = this;
    this.o.statistics.recordAnswer(receipt.variant.name, receipt, this.o.clock.epochMs());
    this.o.traces.answered(trace, receipt);
    const parameters = receiptParameters(receipt);
    if (explanation !== null) parameters.explanation = toJsonString(ExplanationSchema, explanation);
    const answerHead = encodeAnswerHead({
      modelName: head.modelName,
      modelVersion: this.model?.version ?? "",
      id: head.id,
      parameters,
    });
    call.answer(new AnswerMessage(answerHead, body), trailerOf(trace));
  }

  refused(error: ServiceError): void {
    const totalMs = this.o.clock.nowMs() - this.arrivedMs;
    this.o.statistics.recordFailure(this.model?.name ?? "", totalMs);
    this.o.traces.refused(this.trace, error, totalMs);
    this.call.refuse(error, trailerOf(this.trace));
  }
}

function trailerOf(trace: SpanContext | null): { traceparent: string } | undefined {
  return trace === null ? undefined : { traceparent: formatTraceparent(trace) };
}

function metadataValue(call: RawUnaryCall, name: string): string | undefined {
  const value = call.metadata.get(name)[0];
  return value === undefined ? undefined : value.toString();
}

function readHead(bytes: Buffer): InferHead | ServiceError {
  const scan = scanInferRequest(bytes);
  if (scan.ok) return scan.head;
  let message: ModelInferRequest;
  try {
    message = fromBinary(ModelInferRequestSchema, bytes);
  } catch (cause) {
    const sentence = "request is not a readable inference.ModelInferRequest";
    return new ServiceError(Code.INVALID_ARGUMENT, sentence, { cause });
  }
  return tensorParameterFault(message) ?? decodedHead(message);
}

/** Parameters of single tensors that would change the answer; the scanner leaves every request that has any to us. */
const TENSOR_PARAMETERS = ["shared_memory_region", "classification"] as const;

function tensorParameterFault({ inputs, outputs }: ModelInferRequest): ServiceError | null {
  for (const { name, parameters } of [...inputs, ...outputs]) {
    const found = TENSOR_PARAMETERS.find((parameter) => parameter in parameters);
    if (found === undefined) continue;
    const sentence = `tensor '${name}' has parameter ${found}, which is not served here; send and take plain tensors`;
    return new ServiceError(Code.UNIMPLEMENTED, sentence);
  }
  return null;
}

/** The slow way, for whatever the scanner finds odd. */
function decodedHead(message: ModelInferRequest): InferHead {
  const parameters = new Map<string, RawValue>();
  for (const [name, { parameterChoice }] of Object.entries(message.parameters)) {
    if (parameterChoice.case !== undefined) parameters.set(name, parameterChoice.value);
  }
  return {
    modelName: message.modelName,
    modelVersion: message.modelVersion,
    id: message.id,
    parameters,
    inputs: message.inputs.map((input) => ({
      name: input.name,
      datatype: input.datatype,
      shape: input.shape.map(Number),
      contents: input.contents !== undefined,
    })),
    requestedOutputs: message.outputs.map((output) => output.name),
    rawInputs: [],
  };
}
