import { type Architecture, BatchingCertificate, type RegistrationResult, type Variant } from "@infaas/api";
import { paint, type Screen } from "../terminal/screen";
import { type Column, tableLines, textLines } from "../terminal/table";
import { figure, percentFigure } from "./format";
import { tensorSpecText } from "./tensor-spec";

/** Returns a registration: inputs and outputs, whether it is batched and why, golden input, variants. */
export function registrationLines(result: RegistrationResult, screen: Screen): readonly string[] {
  const { architecture, variants, rejected, warnings, unchanged } = result;
  return [
    ...(unchanged ? ["nothing to do: this very file is registered already"] : []),
    ...(architecture === undefined ? [] : architectureLines(architecture, result, screen)),
    ...tableLines(columns, variants.map(rowOf), screen),
    ...warnings.flatMap((text) => textLines(`${paint(screen, "warning", "warning")}: ${text}`, screen.width)),
    ...rejected.flatMap(({ name, reason }) => textLines(`not kept: ${name}: ${reason}`, screen.width)),
  ];
}

const columns: readonly Column[] = [
  { head: "variant" },
  { head: "accuracy %", figures: true },
  { head: "p50 ms at 1", figures: true },
  { head: "items/s", rank: 1, figures: true },
];

function rowOf({ name, accuracy, profile, unprofiledReason }: Variant): readonly string[] {
  const isProfiled = unprofiledReason === "";
  return [
    name,
    accuracy === undefined ? "-" : percentFigure(accuracy.value),
    isProfiled ? figure(profile?.points[0]?.p50Ms ?? Number.NaN) : "not measured",
    isProfiled ? Math.round(profile?.saturationPerSecond ?? 0).toLocaleString("en") : "-",
  ];
}

const FIRST_QUERIES = "its first answered queries become its profile and its golden input";

function architectureLines(
  architecture: Architecture,
  result: RegistrationResult,
  screen: Screen,
): readonly string[] {
  const { unprofiledReason = "" } = result.variants[0] ?? {};
  return [
    `${architecture.name} version ${architecture.version}, task ${architecture.task}`,
    ...architecture.inputs.map((spec) => `input   ${tensorSpecText(spec)}`),
    ...architecture.outputs.map((spec) => `output  ${tensorSpecText(spec)}`),
    `batched ${batching(architecture)}`,
    `golden  ${goldenInput(result)}`,
    ...(unprofiledReason === "" ? [] : [`profiled no: ${unprofiledReason}; ${FIRST_QUERIES}`]),
  ].flatMap((line) => textLines(line, screen.width));
}

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
