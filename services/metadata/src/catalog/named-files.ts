import type { Architecture, Record } from "@infaas/api";

/** Digests of all files that a model is read from. */
export function filesOf({
  modelDigest,
  externalData,
}: Pick<Architecture, "modelDigest" | "externalData">): string[] {
  return [modelDigest, ...externalData.map(({ digest }) => digest)];
}

/** Digests of all files that a record names. */
export function digestsOf({ value }: Record): string[] {
  switch (value.case) {
    case "task": {
      const { validation } = value.value;
      return validation === undefined ? [] : [validation.inputsDigest, validation.labelsDigest];
    }
    case "architecture":
    case "variant":
      return filesOf(value.value);
    case "job": {
      const { inputDigest, parts } = value.value;
      return [inputDigest, ...parts.map(({ digest }) => digest)];
    }
    default:
      return [];
  }
}
