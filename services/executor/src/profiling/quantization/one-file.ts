import { dirname } from "node:path";
import { clone } from "@bufbuild/protobuf";
import { ArchitectureSchema } from "@infaas/api";
import type { ProfiledArchitecture } from "../measurement/profiled-model";
import { inlineWeights, modelBytes } from "../onnx/inline-weights";

/** Largest model whose weights are brought into one file: while it is quantised it is in memory four times. */
export const INLINED_BYTES_MAX = 512 * 1024 * 1024;

/** The architecture as a file that holds all its weights, of which int8 can be made; or why there is none. */
export async function inOneFile(
  profiled: ProfiledArchitecture,
  path: string,
): Promise<ProfiledArchitecture | { readonly reason: string }> {
  const { externalData } = profiled.architecture;
  if (externalData.length === 0) return profiled;
  const bytes = await modelBytes(path, externalData);
  if (bytes > INLINED_BYTES_MAX) {
    const reason = `its weights are in other files and have ${bytes} bytes; int8 is made of up to ${INLINED_BYTES_MAX}`;
    return { reason };
  }
  const architecture = clone(ArchitectureSchema, profiled.architecture);
  architecture.externalData = [];
  return { ...profiled, architecture, model: await inlineWeights(profiled.model, dirname(path)) };
}
