export type { Explanation, Receipt, Refusal } from "@infaas/api";
export { Code, ServiceError } from "@infaas/runtime";
export { adapterBeside, adapterFromJson } from "./adapter-files";
export type { Answer } from "./answer";
export {
  type ConnectOptions,
  createInfaasClient,
  type InfaasClient,
  type QueryOptions,
  type Registration,
  refusalOf,
} from "./client";
export type { Example, ExampleOfInput } from "./examples";
export type { JobClient, JobInputRow, JobLine, JobSubmission } from "./jobs";
export { mappingFromText } from "./mapping";
export { type ExternalFile, externalFilesOf } from "./model-files";
export { modelNameOf } from "./model-name";
export { paddingFromJson } from "./padding";
export type { Requirements } from "./requirements";
export { numbersOf, type Tensor, tensorFromNumbers, tensorFromTexts, textsOf } from "./tensor";
