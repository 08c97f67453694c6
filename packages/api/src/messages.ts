/** Messages and services of infaas.v1 for users, without Node: what a web page imports. */

export { candidateSentence } from "./convert/candidate-sentence";
export { CatalogService } from "./gen/infaas/v1/catalog_pb";
export { InferenceService, type QueryResponse } from "./gen/infaas/v1/inference_pb";
export {
  type Candidate,
  CandidateSchema,
  type Explanation,
  Objective,
  type Offer,
  OfferSchema,
  type Receipt,
  ReceiptSchema,
  type Refusal,
  RefusalSchema,
  type Slo,
  SloSchema,
  type Task,
  TaskSchema,
  type TensorSpec,
  TensorSpecSchema,
  Verdict,
} from "./gen/infaas/v1/types_pb";
