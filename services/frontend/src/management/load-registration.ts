import { create } from "@bufbuild/protobuf";
import { externalNamesInTurns, type RegisterModelRequest, RegisterModelRequestSchema } from "@infaas/api";
import { ArtifactClient, digestInTurns, writerOf } from "@infaas/cluster";
import { type Caller, Code, nextTurn, ServiceError } from "@infaas/runtime";
import { type RegistrationOptions, registerModel } from "../control/registration";
import { checkOwner } from "../view/check-owner";
import type { LoadFiles } from "./load-files";
import { readWarmup } from "./load-warmup";

/** A RepositoryModelLoad that carries the model's files. */
export interface FilesToLoad {
  readonly name: string;
  readonly files: LoadFiles;
  /** ModelConfig in JSON; null: none came. */
  readonly config: string | null;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/**
 * Registers the files of a load under its name, as `infaas register` would: uploaded by digest, profiled in a process of its
 * own, in the task the name had before, else `model/<name>`. Resolves with the version once metadata has recorded it.
 * The folder's number is the least version it gets. PERMISSION_DENIED without the role register, ALREADY_EXISTS for the name
 * of something else, else as `registerModel`.
 */
export async function registerFiles(o: RegistrationOptions, asked: FilesToLoad): Promise<number> {
  const { name, files, config, caller, signal } = asked;
  if (!caller.roles.has("register")) {
    const sentence = `a load with files registers a model, which needs the role register; the token of '${caller.tenant}' has: ${[...caller.roles].join(", ")}`;
    throw new ServiceError(Code.PERMISSION_DENIED, sentence);
  }
  const request = await requestOf(name, files, config);
  checkName(o, name, caller);
  const artifacts = new ArtifactClient(o.artifacts, writerOf(caller)?.tenant);
  await artifacts.uploadBytes(files.model, signal);
  for (const { bytes } of files.externalData) await artifacts.uploadBytes(bytes, signal);
  for await (const { event } of registerModel(o, request, {
    caller,
    signal,
    versionAtLeast: files.version,
  })) {
    if (event?.case === "result") return event.value.architecture?.version ?? files.version;
  }
  throw new ServiceError(Code.INTERNAL, `registration of '${name}' ended without a result: this is a bug`);
}

/** Of files that may have millions of fields: read in turns. */
async function requestOf(
  name: string,
  files: LoadFiles,
  config: string | null,
): Promise<RegisterModelRequest> {
  const { model, externalData, batchable, examples } = files;
  const source = {
    size: model.length,
    read: (offset: number, length: number) => model.subarray(offset, offset + length),
  };
  const read = await externalNamesInTurns(source, nextTurn);
  if (!read.ok) throw new ServiceError(Code.INVALID_ARGUMENT, read.fault);
  const given = new Map(externalData.map((file) => [file.name, file.bytes]));
  const missing = read.names.find((wanted) => !given.has(wanted));
  if (missing !== undefined)
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `model takes weights from '${missing}', which did not come`,
    );
  const unneeded = externalData.find((file) => !read.names.includes(file.name));
  if (unneeded !== undefined)
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `file '${unneeded.name}' is none that the model takes weights from; accepted are: ${read.names.join(", ") || "none"}`,
    );
  const warmup = readWarmup(config ?? "{}", files.warmup);
  if (!warmup.ok) throw new ServiceError(Code.INVALID_ARGUMENT, warmup.fault);
  return create(RegisterModelRequestSchema, {
    name,
    modelDigest: await digestInTurns(model),
    externalData: await Promise.all(
      externalData.map(async ({ name: file, bytes }) => ({ name: file, digest: await digestInTurns(bytes) })),
    ),
    examples: [...warmup.examples, ...examples.map(({ bytes, ...file }) => ({ ...file, content: bytes }))],
    ...(batchable === null ? {} : { batchable }),
  });
}

function checkName({ view: { catalog } }: RegistrationOptions, name: string, caller: Caller) {
  const before = catalog.architectures.find((a) => a.name === name);
  if (before !== undefined) checkOwner(`architecture '${name}'`, before.owner, writerOf(caller));
  const known = catalog.find(name, "");
  if (before === undefined && known.kind === "found")
    throw new ServiceError(
      Code.ALREADY_EXISTS,
      `'${name}' is a name of ${known.model.target.kind} '${known.model.name}'; files are loaded under the name of an architecture`,
    );
}
