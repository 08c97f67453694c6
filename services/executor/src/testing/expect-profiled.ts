import type { LoadedModel, UnprofiledModel } from "../profiling/measurement/profiled-model";

/** A model of which an input is known that it takes; throws for any other. */
export function expectProfiled(model: LoadedModel | UnprofiledModel): LoadedModel {
  if ("unprofiledReason" in model) throw new Error(model.unprofiledReason);
  return model;
}
