import {
  BatchingCertificate,
  InstancePhase,
  type ListModelsResponse,
  Precision,
  type Variant,
} from "@infaas/api";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { attentionOf, printAttention } from "../report/attention-report";
import { mebibytes, ms, percent } from "../report/format";

/** `infaas models`: prints everything registered with its profile. */
export const models: Verb = {
  name: "models",
  usage: "[TASK]",
  summary: "tasks, architectures and variants with what was measured",
  options: {},
  async run(args, terminal) {
    const listed = await withClient(args, (client) => client.listModels(args.positionals[0]));
    terminal.result(listed, () => {
      terminal.table(head, rowsOf(listed));
      printAttention(attentionOf(listed), terminal);
    });
  },
};

const head = [
  "task",
  "variant",
  "precision",
  "threads",
  "batch",
  "batched by",
  "accuracy",
  "p50 at 1",
  "items/s",
  "memory",
  "loaded",
];

function rowsOf(listed: ListModelsResponse): string[][] {
  return listed.variants.map((variant) => {
    const ready = listed.instances.filter(
      (i) => i.variant === variant.name && i.phase === InstancePhase.READY,
    );
    return [
      variant.task,
      variant.name,
      (Precision[variant.precision] ?? "").toLowerCase(),
      String(variant.threads),
      String(variant.maxBatch),
      groundOf(listed, variant),
      variant.accuracy === undefined ? "-" : percent(variant.accuracy.value),
      ...measured(variant),
      mebibytes(variant.profile?.peakMemoryBytes ?? 0n),
      ready.map((i) => i.executor).join(", "),
    ];
  });
}

/** Latency and throughput; of what no query was answered yet, neither is known. */
function measured({ profile, unprofiledReason }: Variant): string[] {
  if (unprofiledReason !== "") return ["not measured", "not measured"];
  const perSecond = Math.round(profile?.saturationPerSecond ?? 0).toLocaleString("en");
  return [ms(profile?.points[0]?.p50Ms ?? Number.NaN), perSecond];
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
