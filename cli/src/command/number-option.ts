import { type QuantityUnit, quantityOf } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/** Which numbers an option takes, and in which unit. */
export interface NumberForm {
  /** `share`: a fraction of one, `95%` too. `ms`: milliseconds, `50ms`, `2s`, `1min` and `3h` too. Default: none. */
  readonly unit?: QuantityUnit;
  readonly least?: number;
  readonly most?: number;
  /** Only integers. Default false. */
  readonly whole?: boolean;
  /** Only numbers above 0. Default false. */
  readonly positive?: boolean;
}

const forms = {
  share: "a share of one, as in 0.95 or 95%",
  ms: "milliseconds or a time with its unit, as in 50, 50ms or 2s",
};

/** Reads the value of `--name`. @throws ServiceError INVALID_ARGUMENT with what was given and what is taken. */
export function numberOf(name: string, given: string | number, form: NumberForm): number {
  const value = quantityOf(String(given), form.unit);
  if (value === null) {
    const taken = form.unit === undefined ? "a number" : forms[form.unit];
    const comma = /^-?\d+,\d+$/.test(String(given)) ? "; decimals follow a point" : "";
    const sentence = `--${name} takes ${taken}, '${given}' was given${comma}`;
    throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
  }
  if (isWithin(value, form)) return value;
  const percent = form.unit === "share" && value > 1 && value <= 100 ? `; ${value} in 100 is ${value}%` : "";
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `--${name} is ${given}; it may be ${rangeText(form)}${percent}`,
  );
}

function isWithin(value: number, { least, most, whole, positive }: NumberForm): boolean {
  if (whole === true && !Number.isInteger(value)) return false;
  if (positive === true && value <= 0) return false;
  return value >= (least ?? Number.NEGATIVE_INFINITY) && value <= (most ?? Number.POSITIVE_INFINITY);
}

function rangeText({ least, most, whole, positive }: NumberForm): string {
  const kind = whole === true ? "an integer " : "";
  if (positive === true) return `${kind}above 0`;
  if (most === undefined) return `${kind}from ${least ?? 0}`;
  return `${kind}${least ?? 0} to ${most}`;
}
