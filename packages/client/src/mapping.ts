import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TensorMappingSchema } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

type Mapping = MessageInitShape<typeof TensorMappingSchema> & { axes: number[] };

const FORM = "TASK-TENSOR=FILE-TENSOR[@AXES:AXES][@cast], as in image=x@NHWC:NCHW@cast";
const ORDER = /@([A-Za-z]+):([A-Za-z]+)$/;

/**
 * Reads how one tensor of a file becomes its task's: `image=x` names it, `@NHWC:NCHW` says the order of its axes in the task
 * and in the file, one letter an axis, and `@cast` converts its elements to the task's datatype.
 * @throws ServiceError INVALID_ARGUMENT for anything else.
 */
export function mappingFromText(text: string): Mapping {
  const cast = text.endsWith("@cast");
  const uncast = cast ? text.slice(0, -"@cast".length) : text;
  const order = ORDER.exec(uncast);
  const names = order === null ? uncast : uncast.slice(0, order.index);
  const at = names.indexOf("=");
  if (at < 1 || at === names.length - 1)
    throw new ServiceError(Code.INVALID_ARGUMENT, `'${text}' maps no tensor; allowed: ${FORM}`);
  const axes = order === null ? [] : axesOf(text, order[1] ?? "", order[2] ?? "");
  return { name: names.slice(0, at), source: names.slice(at + 1), axes, cast };
}

/** Where the file's axes stand in the task's order. */
function axesOf(text: string, task: string, file: string): number[] {
  const axes = [...file].map((letter) => task.indexOf(letter));
  const isOrder =
    task.length === file.length && axes.every((axis, index) => axis >= 0 && axes.indexOf(axis) === index);
  if (isOrder) return axes;
  const both = `'${task}' and '${file}' are not two orders of the same axes`;
  throw new ServiceError(Code.INVALID_ARGUMENT, `'${text}': ${both}; allowed: ${FORM}`);
}
