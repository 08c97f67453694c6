import type { GRPCInferenceService, ModelRepositoryParameter } from "@infaas/api";
import { Code, type HandlersOf, ServiceError } from "@infaas/runtime";
import { readLoadFiles } from "./load-files";
import type { FilesToLoad } from "./load-registration";
import type { ModelRepository } from "./model-repository";

type Methods = "repositoryIndex" | "repositoryModelLoad" | "repositoryModelUnload";
type Parameters = Readonly<Record<string, ModelRepositoryParameter>>;

export interface RepositoryServiceOptions {
  readonly repository: ModelRepository;
  /** Registers what a load brings; resolves once its name is known. */
  readonly register: (asked: FilesToLoad) => Promise<void>;
}

/** The protocol's methods about what is loaded. */
export function repositoryHandlers({
  repository,
  register,
}: RepositoryServiceOptions): Pick<HandlersOf<typeof GRPCInferenceService>, Methods> {
  return {
    repositoryIndex: async ({ repositoryName, ready }) => {
      refuseRepository(repositoryName);
      return { models: repository.index(ready) };
    },
    repositoryModelLoad: async ({ repositoryName, modelName: name, parameters }, { caller, signal }) => {
      refuseRepository(repositoryName);
      checkTypes(withoutFiles(parameters), { config: "stringParam", batchable: "boolParam" });
      const read = readLoadFiles(parameters);
      if (!read.ok) throw new ServiceError(Code.INVALID_ARGUMENT, read.fault);
      const stated = parameters.config?.parameterChoice;
      const config = stated?.case === "stringParam" ? stated.value : null;
      if (read.files !== null) await register({ name, files: read.files, config, caller, signal });
      await repository.load(name, config, caller);
      return {};
    },
    repositoryModelUnload: async ({ repositoryName, modelName, parameters }, { caller }) => {
      refuseRepository(repositoryName);
      // Nothing here depends on another model, so `unload_dependents` changes nothing either way.
      checkTypes(parameters, { unload_dependents: "boolParam" });
      await repository.unload(modelName, caller);
      return {};
    },
  };
}

function refuseRepository(name: string): void {
  if (name === "") return;
  const sentence = `repository '${name}' is not known; there is one repository, leave the name empty`;
  throw new ServiceError(Code.UNIMPLEMENTED, sentence);
}

function withoutFiles(parameters: Parameters): Parameters {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !name.startsWith("file:")));
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
