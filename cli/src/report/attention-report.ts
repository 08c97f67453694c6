import { BatchingCertificate, type ListModelsResponse, type Variant } from "@infaas/api";
import { objectSchema, textSchema } from "../terminal/json-schema";
import type { Screen } from "../terminal/screen";
import { tableLines } from "../terminal/table";

/** A variant that serves otherwise than it was meant to: what was found, and what its owner can do. */
export interface Attention {
  readonly variant: string;
  readonly found: string;
  readonly remedy: string;
}

/** An `Attention` as `--json` prints it. */
export const attentionSchema = objectSchema({ variant: textSchema, found: textSchema, remedy: textSchema });

/** Variants of which nothing was measured, and those whose batching was ended in service (decision 0035). */
export function attentionOf(listed: ListModelsResponse): Attention[] {
  return listed.variants.flatMap((variant) => {
    const { name, unprofiledReason, batchingEnded } = variant;
    const found = unprofiledReason === "" ? [] : [{ found: unprofiledReason, remedy: ASK_OR_GIVE_EXAMPLES }];
    const ended = batchingEnded === "" ? [] : [{ found: batchingEnded, remedy: afterEnd(listed, variant) }];
    return [...found, ...ended].map((told) => ({ variant: name, ...told }));
  });
}

/** Returns a table of these; nothing where there are none. */
export function attentionLines(attention: readonly Attention[], screen: Screen): readonly string[] {
  if (attention.length === 0) return [];
  return tableLines(
    [{ head: "needs attention" }, { head: "because", prose: true }, { head: "what to do", prose: true }],
    attention.map(({ variant, found, remedy }) => [variant, found, remedy]),
    screen,
  );
}

const ASK_OR_GIVE_EXAMPLES =
  "query it: its first answered queries become its profile; or register it again with --examples";
const WITHOUT_BATCHABLE = "register it again without --batchable; it is served one request at a time";
const REPORT =
  "report the model as a bug: its graph was proven to keep rows apart; it is served one request at a time";

function afterEnd(
  { architectures }: ListModelsResponse,
  { architecture, version }: Pick<Variant, "architecture" | "version">,
): string {
  const owner = architectures.find((known) => known.name === architecture && known.version === version);
  return owner?.batchingCertificate === BatchingCertificate.OWNER ? WITHOUT_BATCHABLE : REPORT;
}
