import type { Explanation, Refusal } from "@infaas/api";
import { Verdict } from "@infaas/api";
import type { Terminal } from "../terminal/terminal";
import { ms, percent, usd } from "./format";

/** Prints the offers of a refusal: what would be accepted, at which price. */
export function printRefusal(refusal: Refusal, terminal: Terminal): void {
  if (refusal.retryAfterMs !== undefined) terminal.print(`try again in ${ms(refusal.retryAfterMs)}`);
  if (refusal.offers.length === 0) return;
  terminal.print("what could be had instead:");
  terminal.table(
    ["give way on", "variant", "latency", "accuracy", "$ / 1,000"],
    refusal.offers.map((offer) => [
      offer.relax,
      offer.variant,
      ms(offer.latencyMs),
      offer.accuracy === undefined ? "not measured" : percent(offer.accuracy),
      usd(offer.costUsd),
    ]),
  );
}

/** Prints every candidate and why it lost. */
export function printExplanation(explanation: Explanation, terminal: Terminal): void {
  terminal.print(explanation.summary);
  terminal.table(
    ["variant", "executor", "verdict", "has", "against"],
    explanation.candidates.map((c) => [
      c.variant,
      c.executor,
      (Verdict[c.verdict] ?? String(c.verdict)).toLowerCase().replaceAll("_", " "),
      c.value.toPrecision(4),
      c.limit.toPrecision(4),
    ]),
  );
  if (explanation.omitted > 0) terminal.print(`and ${explanation.omitted} more`);
}
