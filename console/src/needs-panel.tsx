import { Objective } from "@infaas/api/messages";
import { type Needs, positionOf, STEPS, valueAt } from "./needs";
import { dollars, milliseconds } from "./words";

const LATENCY_MS = { least: 0.2, most: 2_000, first: 50 };
/** US dollars per 1,000 queries. */
const COST_USD = { least: 1e-9, most: 1e-2, first: 1e-6 };
const ACCURACY = { least: 0, most: 1, step: 0.001, first: 0.95 };

const objectives: readonly (readonly [Objective, string])[] = [
  [Objective.MIN_COST, "the cheapest"],
  [Objective.MAX_ACCURACY, "the most accurate"],
  [Objective.MIN_LATENCY, "the fastest"],
];

/** Three sliders that may be off, and what decides among what is left. */
export function NeedsPanel({
  needs,
  change,
}: {
  readonly needs: Needs;
  readonly change: (needs: Needs) => void;
}) {
  const { accuracy, latencyMs, costUsd, objective } = needs;
  const position = (value: number | null, { least, most, first }: typeof LATENCY_MS) =>
    positionOf(value ?? first, least, most);
  return (
    <>
      <Need
        title="Accuracy, at least"
        isOn={accuracy !== null}
        shown={(accuracy ?? ACCURACY.first).toFixed(3)}
        range={{
          min: ACCURACY.least,
          max: ACCURACY.most,
          step: ACCURACY.step,
          value: accuracy ?? ACCURACY.first,
        }}
        turn={(on) => change({ ...needs, accuracy: on ? ACCURACY.first : null })}
        move={(value) => change({ ...needs, accuracy: value })}
      />
      <Need
        title="Latency, at most"
        isOn={latencyMs !== null}
        shown={milliseconds(latencyMs ?? LATENCY_MS.first)}
        range={{ min: 0, max: STEPS, step: 1, value: position(latencyMs, LATENCY_MS) }}
        turn={(on) => change({ ...needs, latencyMs: on ? LATENCY_MS.first : null })}
        move={(at) => change({ ...needs, latencyMs: valueAt(at, LATENCY_MS.least, LATENCY_MS.most) })}
      />
      <Need
        title="Cost of 1,000 queries, at most"
        isOn={costUsd !== null}
        shown={dollars(costUsd ?? COST_USD.first)}
        range={{ min: 0, max: STEPS, step: 1, value: position(costUsd, COST_USD) }}
        turn={(on) => change({ ...needs, costUsd: on ? COST_USD.first : null })}
        move={(at) => change({ ...needs, costUsd: valueAt(at, COST_USD.least, COST_USD.most) })}
      />
      <label>
        Of those that can
        <select
          value={objective}
          onChange={(event) =>
            change({ ...needs, objective: Number(event.currentTarget.value) as Objective })
          }
        >
          {objectives.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}

interface NeedProps {
  readonly title: string;
  readonly isOn: boolean;
  /** The value in words. */
  readonly shown: string;
  readonly range: {
    readonly min: number;
    readonly max: number;
    readonly step: number;
    readonly value: number;
  };
  readonly turn: (on: boolean) => void;
  readonly move: (value: number) => void;
}

function Need({ title, isOn, shown, range, turn, move }: NeedProps) {
  return (
    <fieldset class="need">
      <label>
        <input type="checkbox" checked={isOn} onChange={(event) => turn(event.currentTarget.checked)} />
        {title}
      </label>
      <output>{isOn ? shown : "any"}</output>
      <input
        type="range"
        aria-label={title}
        aria-valuetext={shown}
        disabled={!isOn}
        {...range}
        onInput={(event) => move(event.currentTarget.valueAsNumber)}
      />
    </fieldset>
  );
}
