import { type Architecture, BatchingCertificate, type RegistrationResult } from "@infaas/api";
import type { Terminal } from "../terminal/terminal";
import { ms, percent } from "./format";
import { tensorSpecText } from "./tensor-spec";

/**
 * Prints a registration: inputs and outputs, whether it is batched and why, golden input, variants.
 */
export function printRegistration(result: RegistrationResult, terminal: Terminal): void {
  const { architecture, variants, rejected } = result;
  if (result.unchanged) terminal.print("nothing to do: this very file is registered already");
  if (architecture !== undefined) {
    terminal.print(`${architecture.name} version ${architecture.version}, task ${architecture.task}`);
    for (const spec of architecture.inputs) terminal.print(`input   ${tensorSpecText(spec)}`);
    for (const spec of architecture.outputs) terminal.print(`output  ${tensorSpecText(spec)}`);
    terminal.print(`batched ${batching(architecture)}`);
    terminal.print(`golden  ${goldenInput(result)}`);
    const { unprofiledReason = "" } = variants[0] ?? {};
    if (unprofiledReason !== "") terminal.print(`profiled no: ${unprofiledReason}; ${FIRST_QUERIES}`);
  }
  terminal.table(
    ["variant", "accuracy", "p50 at batch 1", "items/s"],
    variants.map((v) => [
      v.name,
      v.accuracy === undefined ? "not measured" : percent(v.accuracy.value),
      v.unprofiledReason === "" ? ms(v.profile?.points[0]?.p50Ms ?? Number.NaN) : "not measured",
      v.unprofiledReason === ""
        ? Math.round(v.profile?.saturationPerSecond ?? 0).toLocaleString("en")
        : "not measured",
    ]),
  );
  for (const warning of result.warnings) terminal.print(`warning: ${warning}`);
  for (const { name, reason } of rejected) terminal.print(`not kept: ${name}: ${reason}`);
}

const FIRST_QUERIES = "its first answered queries become its profile and its golden input";

function batching(architecture: Architecture) {
  const { batchable, unbatchableReason, batchingNote, batchingCertificate } = architecture;
  if (!batchable) return `no: ${unbatchableReason}`;
  if (batchingNote !== "") return `yes: ${batchingNote}`;
  return batchingCertificate === BatchingCertificate.PROVEN
    ? "yes: the graph proves that rows leave each other's answers alone"
    : "yes: rows that were tried are answered the same alone and together";
}

/** The input that every instance must answer before it serves. */
function goldenInput({ architecture, variants }: RegistrationResult): string {
  const [first] = variants;
  const shapes = first?.goldenInputShapes ?? [];
  const required = architecture?.inputs.filter(({ optional }) => !optional) ?? [];
  const inputs = shapes.map(({ dims }, index) => `${required[index]?.name} [${dims.join(", ")}]`);
  if (inputs.length === 0) return "none";
  const given = architecture?.exampleDigest ? ", from the examples given" : "";
  const drawn =
    first?.goldenOutputs.length === 0 ? "; the model draws its answers, so that any is right" : "";
  return `${inputs.join(", ")}${given}${drawn}`;
}
