import {
  BatchingCertificate,
  InstancePhase,
  type ListModelsResponse,
  Precision,
  type Variant,
} from "@infaas/api";
import type { Screen } from "../terminal/screen";
import { type Column, tableLines } from "../terminal/table";
import { attentionLines, attentionOf } from "./attention-report";
import { figure, mebibytesFigure, percentFigure } from "./format";

const columns: readonly Column[] = [
  { head: "task", rank: 8 },
  { head: "variant" },
  { head: "precision", rank: 7 },
  { head: "threads", rank: 6, figures: true },
  { head: "batch", rank: 5, figures: true },
  { head: "batched by", rank: 9, prose: true },
  { head: "accuracy %", figures: true },
  { head: "p50 ms", rank: 1, figures: true },
  { head: "items/s", rank: 2, figures: true },
  { head: "memory MiB", rank: 4, figures: true },
  { head: "loaded by", rank: 3, prose: true },
];

/** Returns every variant with what was measured, and those that need attention. */
export function modelsLines(listed: ListModelsResponse, screen: Screen): readonly string[] {
  if (listed.variants.length === 0) return ["nothing is registered; 'infaas register FILE.onnx' does that"];
  const rows = listed.variants.map((variant) => rowOf(listed, variant));
  return [...tableLines(columns, rows, screen), ...attentionLines(attentionOf(listed), screen)];
}

function rowOf(listed: ListModelsResponse, variant: Variant): readonly string[] {
  const ready = listed.instances.filter((i) => i.variant === variant.name && i.phase === InstancePhase.READY);
  return [
    variant.task,
    variant.name,
    (Precision[variant.precision] ?? "").toLowerCase(),
    String(variant.threads),
    String(variant.maxBatch),
    groundOf(listed, variant),
    variant.accuracy === undefined ? "-" : percentFigure(variant.accuracy.value),
    ...measured(variant),
    mebibytesFigure(variant.profile?.peakMemoryBytes ?? 0n),
    ready.map((i) => i.executor).join(", "),
  ];
}

/** Latency of one row and throughput; of what no query was answered yet, neither is known. */
function measured({ profile, unprofiledReason }: Variant): string[] {
  if (unprofiledReason !== "") return ["not measured", "-"];
  const perSecond = Math.round(profile?.saturationPerSecond ?? 0).toLocaleString("en");
  return [figure(profile?.points[0]?.p50Ms ?? Number.NaN), perSecond];
}

/** Returns the certificate of batching, or why each request is computed alone. */
function groundOf(
  { architectures }: ListModelsResponse,
  { architecture, version, unbatched, batchingEnded }: Variant,
): string {
  const owner = architectures.find((known) => known.name === architecture && known.version === version);
  if (owner === undefined) return "-";
  if (!owner.batchable) return `none: ${owner.unbatchableReason}`;
  if (batchingEnded !== "") return `none: ${batchingEnded}`;
  if (unbatched) return "none";
  const stated = BatchingCertificate[owner.batchingCertificate]?.toLowerCase() ?? "";
  return owner.batchingCertificate === BatchingCertificate.UNSPECIFIED ? "probed" : stated;
}
