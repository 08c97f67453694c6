import { Code, ServiceError } from "@infaas/runtime";

/** A tensor of a signature; -1 is a free axis. */
export interface TensorSpecText {
  readonly name: string;
  readonly datatype: string;
  readonly shape: bigint[];
  readonly optional: boolean;
  /** It may have any number of axes; `shape` is [-1]. */
  readonly anyRank: boolean;
}

const FORM =
  "NAME:DATATYPE:SHAPE, as in image:FP32:-1,3,224,224, with * for any number of axes; :optional behind it where it may be left out";
/** A name may hold any character, colons included. */
const SPEC = /^(.+):([A-Z][A-Z0-9]*):(\*|(?:-1|\d+)(?:,(?:-1|\d+))*)?(:optional)?$/s;

/**
 * Reads one tensor of a signature; an empty shape is a scalar.
 * @throws ServiceError INVALID_ARGUMENT for anything else.
 */
export function tensorSpecFromText(option: string, text: string): TensorSpecText {
  const [, name, datatype, shape = "", optional] = SPEC.exec(text) ?? [];
  if (name === undefined || datatype === undefined)
    throw new ServiceError(Code.INVALID_ARGUMENT, `--${option} has '${text}'; it takes ${FORM}`);
  const anyRank = shape === "*";
  const sizes = anyRank ? [-1n] : shape === "" ? [] : shape.split(",").map(BigInt);
  return { name, datatype, shape: sizes, optional: optional !== undefined, anyRank };
}

/** A tensor on one line: `image FP32 [-1, 3, 224, 224]`, `scale FP32 [1] optional`, `x FP32 [...]` of any rank. */
export function tensorSpecText(spec: Readonly<TensorSpecText>): string {
  const { name, datatype, shape, optional, anyRank } = spec;
  return `${name} ${datatype} [${anyRank ? "..." : shape.join(", ")}]${optional ? " optional" : ""}`;
}
