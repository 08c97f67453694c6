import { type ChildProcess, fork } from "node:child_process";
import { on } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type ProfileModelRequest,
  ProfileModelRequestSchema,
  type ProfileModelResponse,
  ProfileModelResponseSchema,
} from "@infaas/api";
import type { CoreGate } from "@infaas/cuda-batcher";
import { type Clock, Code, diskFailure, ServiceError } from "@infaas/runtime";
import type { ModelFiles } from "../../files/model-folders";
import type { ProfilePorts } from "../measurement/profile-ports";
import { grantedBytes, type ProcessLimits } from "./process-limits";
import { ProcessMonitor } from "./process-monitor";
import type { ProfileOrder, ProfileReport } from "./profile-messages";

export interface ConfinedProfileOptions extends Pick<ProfilePorts, "storeArtifact" | "host" | "scratchDir"> {
  /** Resolves to the local path of a file, its external data beside it. */
  readonly fetchModel: (files: ModelFiles) => Promise<string>;
  readonly clock: Clock;
  /** The cores that measurements share with the instances of this host; null: they are not shared out. */
  readonly cores: Pick<CoreGate, "path" | "forget"> | null;
  readonly limits: ProcessLimits;
  /** Node's own options for the child; default: those of this process. */
  readonly execArgv?: readonly string[];
  /** Called with the child's process id once it runs. */
  readonly onStart?: (pid: number) => void;
  /** Called when the child crashed or exceeded a limit. */
  readonly onDeath?: (reason: ServiceError) => void;
}

/** Stages as they end the sentence "the model ... while ...". */
const DOING: Readonly<Record<string, string>> = {
  load: "loading",
  inspect: "its batches were probed",
  accuracy: "its accuracy was measured",
  profile: "being profiled",
  calibrate: "being calibrated",
  generate: "its derived file was stored",
};
/** Characters of the child's last output to stderr that a refusal holds. */
const LAST_WORDS_MAX = 300;

/**
 * Runs `profileModel` in a child process with limits, a scratch folder of its own and an empty environment
 * (decision 0009).
 * @throws ServiceError the child's own refusal, or how it ended: INVALID_ARGUMENT for a crash,
 * DEADLINE_EXCEEDED for time, RESOURCE_EXHAUSTED for memory, CANCELLED after an abort.
 */
export async function* confinedProfile(
  request: ProfileModelRequest,
  o: ConfinedProfileOptions,
  signal: AbortSignal,
): AsyncGenerator<ProfileModelResponse, void, void> {
  const files = await fetchFiles(request, o);
  const scratchDir = await scratchFolder(o.scratchDir);
  try {
    yield* runChild({ request, files, scratchDir }, o, signal);
  } finally {
    // What stays is dropped at the next start.
    await rm(scratchDir, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function scratchFolder(parent: string): Promise<string> {
  try {
    return await mkdtemp(join(parent, "profile-"));
  } catch (cause) {
    throw diskFailure("a folder for the profiling process", cause, parent);
  }
}

interface Work {
  readonly request: ProfileModelRequest;
  readonly files: Readonly<Record<string, string>>;
  readonly scratchDir: string;
}

async function fetchFiles({ architecture, task }: ProfileModelRequest, o: ConfinedProfileOptions) {
  const { inputsDigest = "", labelsDigest = "" } = task?.validation ?? {};
  const { modelDigest = "", externalData = [] } = architecture ?? {};
  const alone = [inputsDigest, labelsDigest].map((digest) => ({ modelDigest: digest, externalData: [] }));
  const paths: Record<string, string> = {};
  for (const files of [...alone, { modelDigest, externalData }])
    if (files.modelDigest !== "") paths[files.modelDigest] = await o.fetchModel(files);
  return paths;
}

async function* runChild(work: Work, o: ConfinedProfileOptions, signal: AbortSignal) {
  const child = startChild(work.scratchDir, o);
  const lastWords = listenTo(child);
  const monitor = new ProcessMonitor(child, o.limits, o.clock);
  const cancel = () => monitor.kill(new ServiceError(Code.CANCELLED, "cancelled by the caller"));
  signal.addEventListener("abort", cancel, { once: true });
  const ended = new Promise<void>((resolve) => {
    for (const end of ["close", "error"]) child.once(end, () => resolve());
  });
  try {
    if (signal.aborted) cancel();
    tell(child, orderOf(work, o));
    if (child.pid !== undefined) o.onStart?.(child.pid);
    if (yield* events(child, monitor, o)) return;
    await ended;
    const reason = monitor.verdict ?? endOf(child, monitor.stage, lastWords());
    if (!signal.aborted) o.onDeath?.(reason);
    throw reason;
  } finally {
    signal.removeEventListener("abort", cancel);
    monitor.dismiss();
    child.kill("SIGKILL");
    await ended;
    if (child.pid !== undefined) await o.cores?.forget(child.pid);
  }
}

/** Yields the child's events; returns whether the result was among them. */
async function* events(
  child: ChildProcess,
  monitor: ProcessMonitor,
  o: ConfinedProfileOptions,
): AsyncGenerator<ProfileModelResponse, boolean, void> {
  const messages = on(child, "message", { close: ["disconnect"] });
  for await (const [report] of messages as AsyncIterable<[ProfileReport]>) {
    if (report.kind === "refused") throw new ServiceError(report.code, report.message);
    if (report.kind === "store") {
      tell(child, { kind: "stored", digest: await o.storeArtifact(report.path) });
      continue;
    }
    const response = fromBinary(ProfileModelResponseSchema, report.event);
    if (response.event.case === "progress") monitor.enter(DOING[response.event.value.stage] ?? "working");
    yield response;
    if (response.event.case === "result") return true;
  }
  return false;
}

function startChild(scratchDir: string, { execArgv }: ConfinedProfileOptions): ChildProcess {
  // TypeScript when run from sources, JavaScript when built: as this file is.
  const entry = join(__dirname, `profile-process${extname(__filename)}`);
  const { PATH, LD_LIBRARY_PATH, LD_PRELOAD, CB_ONNXRUNTIME_LIB } = process.env;
  return fork(entry, [], {
    cwd: scratchDir,
    // A preloaded allocator is measured too: the model will run with it.
    env: { PATH, LD_LIBRARY_PATH, LD_PRELOAD, CB_ONNXRUNTIME_LIB, TMPDIR: scratchDir },
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
  });
}

/** Returns a function that reads the end of the child's stderr. */
function listenTo(child: ChildProcess): () => string {
  let words = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-LAST_WORDS_MAX);
  });
  return () => words.trim();
}

function orderOf({ request, files, scratchDir }: Work, o: ConfinedProfileOptions): ProfileOrder {
  return {
    kind: "profile",
    request: toBinary(ProfileModelRequestSchema, request),
    files,
    host: o.host,
    scratchDir,
    coreGate: o.cores?.path ?? null,
    parentPid: process.pid,
    dataBytesMax: grantedBytes(o.limits),
  };
}

/** Sends a message; a child that has ended is reported elsewhere. */
function tell(child: ChildProcess, order: ProfileOrder): void {
  child.send(order, () => undefined);
}

function endOf({ signalCode, exitCode }: ChildProcess, stage: string, lastWords: string): ServiceError {
  const how =
    signalCode === null ? `ended its process with status ${exitCode}` : `crashed with ${signalCode}`;
  const said = lastWords === "" ? "" : `: ${lastWords}`;
  return new ServiceError(Code.INVALID_ARGUMENT, `the model ${how} while ${stage}${said}`);
}
