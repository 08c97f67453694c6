import { fromJsonString, type JsonObject, toJson } from "@bufbuild/protobuf";
import { type GRPCInferenceService, ModelConfigSchema, type ModelRepositoryParameter } from "@infaas/api";
import { Code, type HandlersOf, ServiceError } from "@infaas/runtime";
import { modelConfigMessage } from "./model-config";
import type { ModelRepository } from "./model-repository";
import { findModel } from "./open-inference";

type Methods = "repositoryIndex" | "repositoryModelLoad" | "repositoryModelUnload";
type Parameters = Readonly<Record<string, ModelRepositoryParameter>>;

/** The protocol's methods about what is loaded. */
export function repositoryHandlers(
  repository: ModelRepository,
): Pick<HandlersOf<typeof GRPCInferenceService>, Methods> {
  return {
    repositoryIndex: async ({ repositoryName, ready }) => {
      refuseRepository(repositoryName);
      return { models: repository.index(ready) };
    },
    repositoryModelLoad: async ({ repositoryName, modelName, parameters }) => {
      refuseRepository(repositoryName);
      checkLoad(repository, modelName, parameters);
      await repository.load(modelName);
      return {};
    },
    repositoryModelUnload: async ({ repositoryName, modelName, parameters }) => {
      refuseRepository(repositoryName);
      // Nothing here depends on another model, so `unload_dependents` changes nothing either way.
      checkTypes(parameters, { unload_dependents: "boolParam" });
      await repository.unload(modelName);
      return {};
    },
  };
}

function refuseRepository(name: string): void {
  if (name === "") return;
  const sentence = `repository '${name}' is not known; there is one repository, leave the name empty`;
  throw new ServiceError(Code.UNIMPLEMENTED, sentence);
}

function checkLoad(repository: ModelRepository, name: string, parameters: Parameters): void {
  const file = Object.keys(parameters).find((key) => key.startsWith("file:"));
  if (file !== undefined) {
    const sentence = `'${file}' is not taken: models are registered by infaas.v1.CatalogService, which profiles them`;
    throw new ServiceError(Code.UNIMPLEMENTED, sentence);
  }
  checkTypes(parameters, { config: "stringParam" });
  const choice = parameters.config?.parameterChoice;
  if (choice?.case === "stringParam") checkConfig(repository, name, choice.value);
}

/** A config may say again what holds; what it would change is fixed when a model is registered and measured. */
function checkConfig({ view }: ModelRepository, name: string, text: string): void {
  let wanted: JsonObject;
  try {
    wanted = toJson(ModelConfigSchema, fromJsonString(ModelConfigSchema, text)) as JsonObject;
  } catch (cause) {
    throw new ServiceError(Code.INVALID_ARGUMENT, `config is no ModelConfig in JSON: ${String(cause)}`, {
      cause,
    });
  }
  const has = toJson(ModelConfigSchema, modelConfigMessage(name, findModel(view, name, ""))) as JsonObject;
  for (const [field, value] of Object.entries(wanted)) {
    const [asked, kept] = [JSON.stringify(value), JSON.stringify(has[field] ?? null)];
    if (asked === kept) continue;
    const sentence = `config sets ${field} to ${asked}, registered and measured is ${kept}; register a model anew to change it`;
    throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
  }
}

function checkTypes(
  parameters: Parameters,
  allowed: Readonly<Record<string, ModelRepositoryParameter["parameterChoice"]["case"]>>,
): void {
  for (const [name, { parameterChoice }] of Object.entries(parameters)) {
    const wanted = allowed[name];
    if (wanted !== undefined && parameterChoice.case === wanted) continue;
    const known = Object.entries(allowed).map(
      ([key, type]) => `${key} (${type?.replace("Param", "_param")})`,
    );
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `parameter '${name}' is not known in this form; allowed: ${known.join(", ")}`,
    );
  }
}
