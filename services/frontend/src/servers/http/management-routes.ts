import type {
  DescMessage,
  DescMethodUnary,
  JsonObject,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import {
  GRPCInferenceService,
  ModelConfigSchema,
  RepositoryIndexResponse_ModelIndexSchema,
} from "@infaas/api";
import { callLocally, type Implementation, type LocalCaller, methodPath } from "@infaas/runtime";
import { invalid, type JsonFields } from "./json/json-body";
import { messageJson } from "./message-json";
import { emptyReply, jsonReply, type Reply } from "./reply";
import { changesOf, loadParameters, logSettings, settingsJson, traceSettings } from "./settings-json";

/** The named parts of a request's path, decoded, and its JSON body. */
export interface SentRequest {
  readonly path: Readonly<Record<string, string>>;
  readonly json: JsonFields;
}

/** A path and verb that stand for a gRPC method. */
export interface ManagementRoute {
  readonly verb: "GET" | "POST";
  /** Matched against the path as it was sent, so that an encoded slash never divides. */
  readonly pattern: RegExp;
  /** `/package.Service/Method` of the gRPC method: what it asks of its caller, this route asks. */
  readonly method: string;
  answer(protocol: Implementation, sent: SentRequest, caller: LocalCaller): Promise<Reply>;
}

const rpc = GRPCInferenceService.method;
/** Names may contain slashes; what follows them is known. */
const model = "(?<name>.+?)(?:/versions/(?<version>[^/]+))?";
const repository = "/v2/repository(?:/(?<repository>[^/]+))?";

/** Every route but infer, in the order in which they are looked through: fixed paths before those that begin with a name. */
export const managementRoutes: readonly ManagementRoute[] = [
  route("GET", "/v2/?", rpc.serverMetadata, () => ({}), whole(rpc.serverMetadata.output)),
  route(
    "GET",
    "/v2/health/live",
    rpc.serverLive,
    () => ({}),
    ({ live }) => verdict(live, { live }),
  ),
  route(
    "GET",
    "/v2/health/ready",
    rpc.serverReady,
    () => ({}),
    ({ ready }) => verdict(ready, { ready }),
  ),
  route("GET", "/v2/models/stats", rpc.modelStatistics, () => ({}), whole(rpc.modelStatistics.output)),
  route("POST", `${repository}/index`, rpc.repositoryIndex, indexRequest, ({ models }) =>
    jsonReply(models.map((entry) => messageJson(RepositoryIndexResponse_ModelIndexSchema, entry))),
  ),
  route("POST", `${repository}/models/(?<name>.+)/load`, rpc.repositoryModelLoad, modelRequest, () =>
    emptyReply(200),
  ),
  route("POST", `${repository}/models/(?<name>.+)/unload`, rpc.repositoryModelUnload, modelRequest, () =>
    emptyReply(200),
  ),
  ...sharedMemoryRoutes(),
  ...settingRoutes(),
  route("GET", `/v2/models/${model}/ready`, rpc.modelReady, named, ({ ready }) => verdict(ready, { ready })),
  route("GET", `/v2/models/${model}/stats`, rpc.modelStatistics, named, whole(rpc.modelStatistics.output)),
  route("GET", `/v2/models/${model}/config`, rpc.modelConfig, named, ({ config }) =>
    jsonReply(config === undefined ? {} : messageJson(ModelConfigSchema, config)),
  ),
  route("GET", `/v2/models/${model}`, rpc.modelMetadata, named, whole(rpc.modelMetadata.output)),
];

function sharedMemoryRoutes(): ManagementRoute[] {
  const system = "/v2/systemsharedmemory";
  const cuda = "/v2/cudasharedmemory";
  const region = "(?:/region/(?<name>[^/]+))?";
  const done = () => emptyReply(200);
  return [
    route("GET", `${system}${region}/status`, rpc.systemSharedMemoryStatus, named, regionsOf),
    route(
      "POST",
      `${system}/region/(?<name>[^/]+)/register`,
      rpc.systemSharedMemoryRegister,
      systemRegion,
      done,
    ),
    route("POST", `${system}${region}/unregister`, rpc.systemSharedMemoryUnregister, named, done),
    route("GET", `${cuda}${region}/status`, rpc.cudaSharedMemoryStatus, named, regionsOf),
    route("POST", `${cuda}/region/(?<name>[^/]+)/register`, rpc.cudaSharedMemoryRegister, cudaRegion, done),
    route("POST", `${cuda}${region}/unregister`, rpc.cudaSharedMemoryUnregister, named, done),
  ];
}

function settingRoutes(): ManagementRoute[] {
  return (["GET", "POST"] as const).flatMap((verb) => [
    route(
      verb,
      "/v2/logging",
      rpc.logSettings,
      ({ json }) => ({ settings: logSettings(changesOf(verb, json)) }),
      (m) => jsonReply(settingsJson(m.settings)),
    ),
    ...["/v2/trace/setting", `/v2/models/${model}/trace/setting`].map((path) =>
      route(
        verb,
        path,
        rpc.traceSetting,
        ({ path: { name = "" }, json }) => ({
          modelName: name,
          settings: traceSettings(changesOf(verb, json)),
        }),
        (m) => jsonReply(settingsJson(m.settings)),
      ),
    ),
  ]);
}

function route<I extends DescMessage, O extends DescMessage>(
  verb: ManagementRoute["verb"],
  pattern: string,
  method: DescMethodUnary<I, O>,
  read: (sent: SentRequest) => MessageInitShape<I>,
  write: (message: MessageShape<O>) => Reply,
): ManagementRoute {
  return {
    verb,
    pattern: new RegExp(`^${pattern}$`),
    method: methodPath(method),
    answer: async (protocol, sent, caller) => write(await callLocally(protocol, method, read(sent), caller)),
  };
}

/** Health and readiness say it by their status too: 400 is the protocol's "no". */
function verdict(yes: boolean, json: { readonly live: boolean } | { readonly ready: boolean }): Reply {
  return jsonReply(json, yes ? 200 : 400);
}

function whole<O extends DescMessage>(schema: O): (message: MessageShape<O>) => Reply {
  return (message) => jsonReply(messageJson(schema, message));
}

function named({ path: { name = "", version = "" } }: SentRequest) {
  return { name, version };
}

function indexRequest({ path: { repository: repositoryName = "" }, json: { ready = false } }: SentRequest) {
  if (typeof ready !== "boolean") throw invalid("ready must be true or false");
  return { repositoryName, ready };
}

function modelRequest({ path: { repository: repositoryName = "", name = "" }, json }: SentRequest) {
  return { repositoryName, modelName: name, parameters: loadParameters(json.parameters) };
}

function systemRegion({ path: { name = "" }, json }: SentRequest) {
  const { key, offset = 0, byte_size: byteSize } = json;
  if (typeof key !== "string") throw invalid(`region '${name}': key must be text`);
  return { name, key, offset: sizeOf(name, "offset", offset), byteSize: sizeOf(name, "byte_size", byteSize) };
}

function cudaRegion({ path: { name = "" }, json }: SentRequest) {
  const { raw_handle: handle, device_id: deviceId, byte_size: byteSize } = json;
  const encoded = (handle as { readonly b64?: unknown } | null | undefined)?.b64;
  if (typeof encoded !== "string") throw invalid(`region '${name}': raw_handle must be {"b64": text}`);
  return {
    name,
    rawHandle: Buffer.from(encoded, "base64"),
    deviceId: sizeOf(name, "device_id", deviceId),
    byteSize: sizeOf(name, "byte_size", byteSize),
  };
}

function sizeOf(region: string, what: string, value: unknown): bigint {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return BigInt(value as number);
  throw invalid(`region '${region}': ${what} must be a whole number from 0`);
}

function regionsOf(
  message: MessageShape<
    typeof rpc.systemSharedMemoryStatus.output | typeof rpc.cudaSharedMemoryStatus.output
  >,
): Reply {
  const schema =
    message.$typeName === rpc.systemSharedMemoryStatus.output.typeName
      ? rpc.systemSharedMemoryStatus.output
      : rpc.cudaSharedMemoryStatus.output;
  const { regions } = messageJson<DescMessage>(schema, message);
  return jsonReply(Object.values(regions as JsonObject));
}
