import type { PolicyName } from "@infaas/policy";
import { percent } from "../text";
import type { Comparison, Row } from "./comparison";
import { figuresOf, type Outcome, usdOf } from "./outcome";
import { meanOf } from "./statistics";

/** What is claimed of production under one load, and what was found. */
export interface Claim {
  readonly claim: string;
  readonly found: string;
  /** Why it does not hold, by the parts of the bill and of the violations; null: it holds. */
  readonly miss: string | null;
}

/** Beside a fixed fleet for the peak: so many times cheaper, or so near to what the oracle reaches. */
const CHEAPER_THAN_FIXED = 8.5;
const OF_THE_ORACLE = 0.8;
/** Beside the paper's policy, where it violates no less. */
const CHEAPER_THAN_PAPER = 1.2;
/** Beside the oracle at the same attainment. */
const REGRET_MAX = 1.25;
/** Violations may differ by so much where costs are compared, in shares of the queries. */
const VIOLATIONS_MORE = 0.005;

/** Returns the claims of decision 0063's suite (docs/evaluation.md) for production, the first row. */
export function claimsOf({ rows }: Comparison): readonly Claim[] {
  const [own] = rows;
  if (own === undefined) return [];
  const rowOf = (policy: PolicyName) => rows.find((row) => row.policy === policy);
  const best = rowOf("static-best");
  const fast = rowOf("static-fast");
  const paper = rowOf("infaas-paper");
  const mix = rowOf("static-mix");
  return [
    ...[best, fast].flatMap((fixed) => (fixed === undefined ? [] : besideFixed(own, fixed))),
    ...(paper === undefined ? [] : [besidePaper(own, paper)]),
    ...(mix === undefined ? [] : [besideMix(own, mix)]),
    besideOracle(own),
  ];
}

function besideFixed(own: Row, fixed: Row): readonly Claim[] {
  const times = usd(fixed) / usd(own);
  const oracleTimes = usd(fixed) / oracle(own);
  const isCheap = times >= Math.min(CHEAPER_THAN_FIXED, OF_THE_ORACLE * oracleTimes);
  return [
    {
      claim: `cheaper than ${fixed.policy} by ${CHEAPER_THAN_FIXED}x, or by ${OF_THE_ORACLE} of what the oracle is`,
      found: `${times.toFixed(2)}x, the oracle ${oracleTimes.toFixed(2)}x; violations ${percent(missed(own))} and ${percent(missed(fixed))}`,
      miss: isCheap ? null : reasonOf(own),
    },
  ];
}

function besidePaper(own: Row, paper: Row): Claim {
  const times = usd(paper) / usd(own);
  const isNoWorse = missed(own) <= missed(paper) + VIOLATIONS_MORE;
  const holds = isNoWorse && (times >= CHEAPER_THAN_PAPER || missed(paper) > missed(own) + VIOLATIONS_MORE);
  return {
    claim: `${CHEAPER_THAN_PAPER}x cheaper than infaas-paper at no more violations, or fewer violations`,
    found: `${times.toFixed(2)}x; violations ${percent(missed(own))} and ${percent(missed(paper))}`,
    miss: holds ? null : reasonOf(own),
  };
}

function besideMix(own: Row, mix: Row): Claim {
  const isBeaten = usd(mix) < usd(own) && missed(mix) < missed(own);
  return {
    claim: "static-mix, which is told the peak, is not better in both cost and violations",
    found: `${(usd(mix) / usd(own)).toFixed(2)}x of the cost; violations ${percent(missed(own))} and ${percent(missed(mix))}`,
    miss: isBeaten ? reasonOf(own) : null,
  };
}

function besideOracle(own: Row): Claim {
  const regret = usd(own) / oracle(own);
  return {
    claim: `at most ${REGRET_MAX}x the oracle's cost`,
    found: `${regret.toFixed(2)}x`,
    miss: regret <= REGRET_MAX ? null : reasonOf(own),
  };
}

function usd({ outcomes }: Row): number {
  return meanOf(outcomes.map(usdOf));
}

function oracle({ bounds }: Row): number {
  return meanOf(bounds.map(({ oracleUsd }) => oracleUsd));
}

function missed({ outcomes }: Row): number {
  return meanOf(outcomes.map((o) => 1 - figuresOf(o).attainment));
}

/** What is paid and not used, and which violations there are, the largest first. */
function reasonOf({ outcomes }: Row): string {
  const shareOf = (part: keyof Outcome["hostSeconds"]) =>
    meanOf(outcomes.map((o) => (o.hostSeconds[part] * o.usdPerHostSecond) / usdOf(o)));
  const parts = (["idle", "headroom", "boot", "used"] as const)
    .map((part) => ({ part, share: shareOf(part) }))
    .sort((a, b) => b.share - a.share)
    .map(({ part, share }) => `${part} ${percent(share)}`);
  const kinds = (["late", "shed", "refused", "cold", "lost"] as const)
    .map((kind) => ({
      kind,
      share: meanOf(outcomes.map((o) => o.violations[kind] / Math.max(1, o.offered))),
    }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share)
    .map(({ kind, share }) => `${kind} ${percent(share)}`);
  return `of its bill ${parts.join(", ")}; of its queries ${kinds.join(", ") || "all in time"}`;
}
