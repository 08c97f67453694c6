import type { Verb } from "../command/verb";
import { check } from "./check";
import { completionOf } from "./completion";
import { remove } from "./delete";
import { demo } from "./demo";
import { down } from "./down";
import { drain } from "./drain";
import { explain } from "./explain";
import { health } from "./health";
import { models } from "./models";
import { plan } from "./plan";
import { query } from "./query";
import { register } from "./register";
import { schemaOf } from "./schema";
import { status } from "./status";
import { task } from "./task";
import { undrain } from "./undrain";
import { up } from "./up";
import { why } from "./why";

/** Every verb, in the order of the help. */
export const verbs: readonly Verb[] = [
  up,
  down,
  check,
  register,
  task,
  query,
  models,
  explain,
  status,
  health,
  why,
  plan,
  drain,
  undrain,
  remove,
  demo,
  completionOf(() => verbs),
  schemaOf(() => verbs),
];
