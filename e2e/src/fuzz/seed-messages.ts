import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import {
  ArtifactService,
  CatalogService,
  file_grpc_health_v1_health,
  GRPCInferenceService,
  InferenceService,
  MetricsService,
  OpenRcaService,
} from "@infaas/api";
import type { Random } from "@infaas/runtime";
import { pick } from "./wire-mutator";

/** One method to be attacked, by its path, with what its requests look like. */
export interface FuzzedMethod {
  readonly path: string;
  readonly input: DescMessage;
  readonly streamsRequest: boolean;
  /** It answers until its caller leaves. */
  readonly endless: boolean;
}

const services: readonly DescService[] = [
  GRPCInferenceService,
  InferenceService,
  CatalogService,
  ArtifactService,
  MetricsService,
  OpenRcaService,
  ...file_grpc_health_v1_health.services,
];
/** They do what they say, which takes time and leaves something behind. */
const costly: readonly string[] = [
  "DrainExecutor",
  "UndrainExecutor",
  "Delete",
  "RepositoryModelUnload",
  "RepositoryModelLoad",
  "RegisterModel",
  "PutTask",
];
const inferMethods: readonly string[] = ["ModelInfer", "ModelStreamInfer"];
const methods = services.flatMap((service) => service.methods);

/** Methods that are answered out of what the frontend knows. */
export const cheapMethods: readonly FuzzedMethod[] = methods
  .filter(({ name }) => !costly.includes(name) && !inferMethods.includes(name))
  .map(methodOf);

/** Methods that change what there is: called less often, and with names that no checked answer depends on. */
export const costlyMethods: readonly FuzzedMethod[] = methods
  .filter(({ name }) => costly.includes(name))
  .map(methodOf);

function methodOf(method: DescMethod): FuzzedMethod {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    input: method.input,
    streamsRequest: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    endless: method.methodKind === "server_streaming" && !costly.includes(method.name),
  };
}

const depthMax = 3;

/** Returns a request of that type with every field set, strings among them to `names`. */
export function seedMessage(input: DescMessage, names: readonly string[], random: Random): Buffer {
  return Buffer.from(toBinary(input, filled(input, names, random, 0)));
}

function filled(desc: DescMessage, names: readonly string[], random: Random, depth: number): Message {
  const message = create(desc);
  const reflected = reflect(desc, message);
  const sample = (field: DescField): unknown => {
    if (field.message !== undefined)
      return reflect(field.message, filled(field.message, names, random, depth + 1));
    return field.enum === undefined ? scalar(field.scalar, names, random) : field.enum.values[0]?.number;
  };
  for (const field of desc.fields) {
    if (field.fieldKind === "map" || (field.message !== undefined && depth >= depthMax)) continue;
    if (field.fieldKind === "list") reflected.get(field).add(sample(field));
    else reflected.set(field, sample(field));
  }
  return message;
}

function scalar(type: ScalarType | undefined, names: readonly string[], random: Random): unknown {
  switch (type) {
    case ScalarType.STRING:
      return pick(names, random);
    case ScalarType.BYTES:
      return new Uint8Array([1, 2, 3, 4]);
    case ScalarType.BOOL:
      return true;
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
    case ScalarType.SINT64:
      return 1n;
    default:
      return 1;
  }
}
