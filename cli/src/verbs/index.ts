import type { Verb } from "../command/verb";
import { check } from "./check";
import { completionOf } from "./completion";
import { remove } from "./delete";
import { demo } from "./demo";
import { down } from "./down";
import { drain } from "./drain";
import { explain } from "./explain";
import { health } from "./health";
import { job } from "./job";
import { logs } from "./logs";
import { models } from "./models";
import { plan } from "./plan";
import { query } from "./query";
import { register } from "./register";
import { schemaOf } from "./schema";
import { status } from "./status";
import { task } from "./task";
import { top } from "./top";
import { undrain } from "./undrain";
import { up } from "./up";
import { watch } from "./watch";
import { why } from "./why";

/** Every verb, in the order of the help. */
export const verbs: readonly Verb[] = [
  up,
  down,
  check,
  register,
  task,
  query,
  job,
  models,
  explain,
  status,
  top,
  watch,
  health,
  why,
  logs,
  plan,
  drain,
  undrain,
  remove,
  demo,
  completionOf(() => verbs),
  schemaOf(() => verbs),
];
