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
  GRPCInferenceService,
  InferenceService,
  MetricsService,
} from "@infaas/api";
import type { Random } from "@infaas/runtime";
import { pick } from "./wire-mutator";

/** One method to be attacked, by its path, with what its requests look like. */
export interface FuzzedMethod {
  readonly path: string;
  readonly input: DescMessage;
  readonly streamsRequest: boolean;
}

const services: readonly DescService[] = [
  GRPCInferenceService,
  InferenceService,
  CatalogService,
  ArtifactService,
  MetricsService,
];
/** They would do what they say: take the executor, or the model whose answers are checked, out of service. */
const effective: readonly string[] = [
  "DrainExecutor",
  "RepositoryModelUnload",
  "RepositoryModelLoad",
  "PutTask",
];
const inferMethods: readonly string[] = ["ModelInfer", "ModelStreamInfer"];

/** Every method of the frontend but inference, which has seeds of its own, and those that take something out of service. */
export const otherMethods: readonly FuzzedMethod[] = services.flatMap((service) =>
  service.methods
    .filter(({ name }) => !effective.includes(name) && !inferMethods.includes(name))
    .map(methodOf),
);

function methodOf(method: DescMethod): FuzzedMethod {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    input: method.input,
    streamsRequest: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
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
