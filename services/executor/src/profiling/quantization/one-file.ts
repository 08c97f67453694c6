import { dirname } from "node:path";
import { clone } from "@bufbuild/protobuf";
import { ArchitectureSchema } from "@infaas/api";
import type { ProfiledArchitecture } from "../measurement/profiled-model";
import { inlineWeights, modelBytes } from "../onnx/inline-weights";

/** Largest model whose weights are put into one file: quantisation holds it in memory four times. */
export const INLINED_BYTES_MAX = 512 * 1024 * 1024;

/** Returns the architecture with all weights in its own file, as int8 needs it, or why that cannot be. */
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
