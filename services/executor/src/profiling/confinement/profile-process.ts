/**
 * Entry of a profiling process: started by `confinedProfile`, it profiles the model of one message and ends.
 * A file that crashes, hangs or exhausts memory ends this process and no other.
 */
import { readFile } from "node:fs/promises";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { ProfileModelRequestSchema, ProfileModelResponseSchema } from "@infaas/api";
import { confineProcess } from "@infaas/cuda-batcher";
import { Code, diskFailure, ServiceError, systemClock } from "@infaas/runtime";
import { deviceEngineVersion, deviceKindOf } from "../../engines/device";
import { enginesOn } from "../../engines/device-engines";
import type { EnginePort } from "../../engines/engine-port";
import { gatedEngines } from "../../engines/gated-engines";
import { nativeEngines, nativeEngineVersion } from "../../engines/native-engine";
import type { ProfiledDevice, ProfilePorts } from "../measurement/profile-ports";
import { profileModel } from "../profile-model";
import type { ProfileOrder, ProfileReport } from "./profile-messages";

type Profile = Extract<ProfileOrder, { kind: "profile" }>;

let whenStored: (digest: string) => void = () => undefined;

process.on("disconnect", () => process.exit(0));
process.on("message", (order: ProfileOrder) => {
  if (order.kind === "stored") whenStored(order.digest);
  else void profile(order);
});

async function profile(order: Profile): Promise<void> {
  confineProcess(order);
  try {
    const request = fromBinary(ProfileModelRequestSchema, order.request);
    for await (const event of profileModel(request, portsOf(order)))
      await report({ kind: "event", event: toBinary(ProfileModelResponseSchema, event) });
  } catch (fault) {
    const { code, message } = diskFailure("profiling, which writes derived files,", fault, order.scratchDir);
    await report({ kind: "refused", code, message });
  }
  process.exit(0);
}

function portsOf({ files, host, scratchDir, coreGate }: Profile): ProfilePorts {
  const fetchModel = async (digest: string) => {
    const path = files[digest];
    if (path !== undefined) return path;
    throw new ServiceError(Code.INTERNAL, `artifact ${digest} was not handed over: this is a bug`);
  };
  const engines = gatedEngines(nativeEngines, coreGate === null ? null : { gate: coreGate, idleWork: true });
  const { device = null } = host;
  return {
    fetchModel,
    readArtifact: async (digest) => readFile(await fetchModel(digest)),
    storeArtifact: async (path) => {
      const stored = new Promise<string>((resolve) => {
        whenStored = resolve;
      });
      await report({ kind: "store", path });
      return await stored;
    },
    engines,
    engineVersion: nativeEngineVersion(),
    ...(device === null ? {} : { device: deviceOf(device, engines) }),
    clock: systemClock,
    host,
    scratchDir,
  };
}

function deviceOf(device: string, engines: EnginePort): ProfiledDevice {
  return {
    kind: deviceKindOf(device),
    engines: enginesOn(device, engines),
    engineVersion: deviceEngineVersion(device),
  };
}

/** Resolves once the message is sent, so that ending the process loses none. */
function report(message: ProfileReport): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (fault) => (fault ? reject(fault) : resolve()));
  });
}
