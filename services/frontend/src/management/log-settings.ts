import type { MessageInitShape } from "@bufbuild/protobuf";
import type { LogSettingsRequest, LogSettingsResponseSchema } from "@infaas/api";
import { Code, type LogLevel, type LogLevels, ServiceError } from "@infaas/runtime";

type Asked = LogSettingsRequest["settings"];
type Value = Asked[string];

/** Switches of the protocol, and what they are here. */
const SWITCHES: Readonly<Record<string, LogLevel>> = {
  log_info: "info",
  log_warning: "warn",
  log_error: "error",
};
const VERBOSE = "log_verbose_level";
const FORMAT = "log_format";
const FORMAT_HERE = "ISO8601";

/** Changes what this process logs, all or nothing, and returns all settings as they are then. */
export function applyLogSettings(
  levels: LogLevels,
  asked: Asked,
): MessageInitShape<typeof LogSettingsResponseSchema> {
  const changes = Object.entries(asked).map(([name, value]) => changeOf(levels, name, value));
  for (const change of changes) change();
  const flag = (on: boolean) => ({ parameterChoice: { case: "boolParam" as const, value: on } });
  const text = (value: string) => ({ parameterChoice: { case: "stringParam" as const, value } });
  const switches = Object.entries(SWITCHES).map(([name, level]) => [name, flag(levels.isOn(level))] as const);
  const verbose = levels.isOn("debug") ? 1 : 0;
  return {
    settings: {
      ...Object.fromEntries(switches),
      log_file: text(""),
      [FORMAT]: text(FORMAT_HERE),
      [VERBOSE]: { parameterChoice: { case: "uint32Param", value: verbose } },
    },
  };
}

function changeOf(levels: LogLevels, name: string, { parameterChoice }: Value): () => void {
  const level = SWITCHES[name];
  if (level !== undefined) {
    if (parameterChoice.case !== "boolParam") throw wrongType(name, "bool_param");
    return () => levels.set(level, parameterChoice.value);
  }
  if (name === VERBOSE) {
    if (parameterChoice.case !== "uint32Param") throw wrongType(name, "uint32_param");
    return () => levels.set("debug", parameterChoice.value > 0);
  }
  if (name === "log_file") {
    const sentence =
      "log file location can not be updated through network protocol; logs go to standard error";
    throw new ServiceError(Code.UNIMPLEMENTED, sentence);
  }
  if (name !== FORMAT) {
    const known = [...Object.keys(SWITCHES), VERBOSE, FORMAT, "log_file"].join(", ");
    throw new ServiceError(Code.INVALID_ARGUMENT, `${name} is no log setting; known: ${known}`);
  }
  if (parameterChoice.case !== "stringParam") throw wrongType(name, "string_param");
  if (parameterChoice.value === FORMAT_HERE) return () => undefined;
  const sentence = `${FORMAT} is '${parameterChoice.value}'; allowed: ${FORMAT_HERE}, lines are JSON with such times`;
  throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
}

function wrongType(name: string, allowed: string): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, `${name} is of another type; allowed: ${allowed}`);
}
