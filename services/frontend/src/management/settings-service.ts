import type { GRPCInferenceService } from "@infaas/api";
import type { HandlersOf, LogLevels } from "@infaas/runtime";
import { findNamed } from "../query/named-model";
import type { TraceSettings } from "../telemetry/trace-settings";
import type { ClusterView } from "../view/cluster-view";
import { applyLogSettings } from "./log-settings";

/** What settings are changed on. They hold for this frontend, until it ends. */
export interface SettingsOptions {
  readonly view: ClusterView;
  readonly traceSettings: TraceSettings;
  readonly logLevels: LogLevels;
}

/** The protocol's methods about traces and logs. */
export function settingsHandlers({
  view,
  traceSettings,
  logLevels,
}: SettingsOptions): Pick<HandlersOf<typeof GRPCInferenceService>, "traceSetting" | "logSettings"> {
  return {
    traceSetting: async ({ modelName, settings }) => {
      const model = modelName === "" ? "" : findNamed(view, modelName, "").name;
      traceSettings.update(
        model,
        mapValues(settings, ({ value }) => value),
      );
      return { settings: mapValues(traceSettings.shown(model), (value) => ({ value: [...value] })) };
    },
    logSettings: async ({ settings }) => applyLogSettings(logLevels, settings),
  };
}

function mapValues<V, W>(map: Readonly<Record<string, V>>, convert: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, convert(value)]));
}
