import type { Offer, Refusal } from "@infaas/api";
import type { Screen } from "../terminal/screen";
import { type Column, tableLines } from "../terminal/table";
import { ms, percent, usd } from "./format";

const columns: readonly Column[] = [{ head: "variant" }, { head: "offer", prose: true }];

/** Returns the offers of a refusal: what would be accepted, and at which price. */
export function refusalLines({ retryAfterMs, offers }: Refusal, screen: Screen): readonly string[] {
  const retry = retryAfterMs === undefined ? [] : [`try again in ${ms(retryAfterMs)}`];
  if (offers.length === 0) return retry;
  const rows = offers.map((offer) => [offer.variant, offerSentence(offer)]);
  return [...retry, "what could be had instead:", ...tableLines(columns, rows, screen)];
}

function offerSentence({ latencyMs, accuracy, costUsd, relax }: Offer): string {
  const measured = accuracy === undefined ? "not measured" : percent(accuracy);
  const gives = relax.split(",").join(" and ");
  return `gives way on ${gives}: ${ms(latencyMs)}, accuracy ${measured}, ${usd(costUsd)} per 1,000`;
}
