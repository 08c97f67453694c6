export {
  type Answer,
  createInfaasClient,
  type InfaasClient,
  type QueryOptions,
  type Registration,
  refusalOf,
} from "./client";
export { modelNameOf } from "./model-name";
export type { Requirements } from "./requirements";
export { numbersOf, type Tensor, tensorFromNumbers } from "./tensor";
export { digestOfFile } from "./upload";
