import type { Verb } from "../verb";
import { demo } from "./demo";
import { drain } from "./drain";
import { explain } from "./explain";
import { models } from "./models";
import { query } from "./query";
import { register } from "./register";
import { status } from "./status";
import { task } from "./task";
import { up } from "./up";

/** Every verb, in the order of the help. */
export const verbs: readonly Verb[] = [up, register, task, query, models, explain, status, drain, demo];
