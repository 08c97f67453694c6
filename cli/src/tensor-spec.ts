import { Code, ServiceError } from "@infaas/runtime";

/** A tensor of a signature; -1 is a free axis. */
export interface TensorSpecText {
  readonly name: string;
  readonly datatype: string;
  readonly shape: bigint[];
}

const FORM = "NAME:DATATYPE:SHAPE, as in image:FP32:-1,3,224,224";
/** A name may hold any character, colons included. */
const SPEC = /^(.+):([A-Z][A-Z0-9]*):(-1|\d+(?:,(?:-1|\d+))*|-1(?:,(?:-1|\d+))+)?$/s;

/**
 * Reads one tensor of a signature; an empty shape is a scalar.
 * @throws ServiceError INVALID_ARGUMENT for anything else.
 */
export function tensorSpecFromText(option: string, text: string): TensorSpecText {
  const [, name, datatype, shape = ""] = SPEC.exec(text) ?? [];
  if (name === undefined || datatype === undefined)
    throw new ServiceError(Code.INVALID_ARGUMENT, `--${option} has '${text}'; it takes ${FORM}`);
  return { name, datatype, shape: shape === "" ? [] : shape.split(",").map(BigInt) };
}

/** A tensor on one line: `image FP32 [-1, 3, 224, 224]`. */
export function tensorSpecText({ name, datatype, shape }: Readonly<TensorSpecText>): string {
  return `${name} ${datatype} [${shape.join(", ")}]`;
}
