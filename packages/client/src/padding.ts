import { fromJsonString } from "@bufbuild/protobuf";
import { type Padding, PaddingSchema } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/**
 * A padding from JSON: `{sizes, inputs: [{name, axis, value}], outputs: [{name, axis}]}`. INVALID_ARGUMENT
 * for anything else.
 */
export function paddingFromJson(text: string): Padding {
  try {
    return fromJsonString(PaddingSchema, text);
  } catch (cause) {
    const { message } = ServiceError.from(cause);
    throw new ServiceError(Code.INVALID_ARGUMENT, `this is no padding: ${message}`, { cause });
  }
}
