import { create, toBinary } from "@bufbuild/protobuf";
import {
  ModelInferRequestSchema,
  QUERY_FIELDS_MAX,
  type QueryRequest,
  QueryRequestSchema,
  splitQuery,
} from "@infaas/api";
import { Code, decodeMessage, ServiceError } from "@infaas/runtime";
import { LARGE_CONTENTS_MIN } from "./body";
import { type ReadRequest, readRequest } from "./infer-head";

/** An infaas.v1.QueryRequest as far as a frontend reads it. */
export interface ReadQuery {
  /** What is asked; its tensors are not in here. */
  readonly asked: QueryRequest;
  /** The same as the executors know it: links carry ModelInferRequests only. */
  readonly request: ReadRequest;
}

/** Reads QueryRequest bytes; its tensors are not decoded. INVALID_ARGUMENT when it cannot be read at all. */
export function readQuery(bytes: Uint8Array): ReadQuery | ServiceError {
  const split = splitQuery(bytes, LARGE_CONTENTS_MIN);
  if (split === "broken") return invalid(`request is not a readable ${QueryRequestSchema.typeName}`);
  if (split === "too many fields")
    return invalid(`request has more than ${QUERY_FIELDS_MAX} fields, all that are taken`);
  const asked = decodeMessage(QueryRequestSchema, split.head);
  if (asked instanceof ServiceError) return asked;
  const { target, id } = asked;
  const head = toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, { modelName: target, id }));
  const { skeleton, parts } = split.tensors;
  const message =
    parts.length === 1
      ? Buffer.concat([head, skeleton])
      : { skeleton: Buffer.concat([head, skeleton]), parts: [head, ...parts] };
  // Parameters of single tensors mean something in the Open Inference Protocol only, and are dropped here.
  const request = readRequest(message, null);
  return request instanceof ServiceError ? request : { asked, request };
}

function invalid(sentence: string): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, sentence);
}
