import {
  candidateSentence,
  type Explanation,
  type Offer,
  type QueryResponse,
  type Refusal,
} from "@infaas/api/messages";
import type { Answered } from "./answered";
import { type Needs, relaxed } from "./needs";
import { scoresOf, sharesOf } from "./tensors";
import { dollars, milliseconds, percent, stagesOf } from "./words";

/** Labels shown, the most likely first. */
const LABELS_MAX = 5;
/** Candidates shown; the rest is counted. */
const CANDIDATES_MAX = 12;

interface OutcomeProps {
  readonly answered: Answered;
  readonly labels: readonly string[];
  readonly needs: Needs;
  readonly change: (needs: Needs) => void;
}

/** An answer with its receipt and who lost why, or a refusal with its offers. */
export function Outcome({ answered, labels, needs, change }: OutcomeProps) {
  if (answered.kind === "none")
    return <p>Give it an input: every change of it, or of what you need, is a query.</p>;
  if (answered.kind === "answer") return <Answer response={answered.response} labels={labels} />;
  const { code, sentence, refusal } = answered.failure;
  return (
    <>
      <p role="alert">
        <strong>{code}</strong>: {sentence}
      </p>
      {refusal !== null && <Offers refusal={refusal} needs={needs} change={change} />}
      {refusal?.explanation !== undefined && <Candidates explanation={refusal.explanation} />}
    </>
  );
}

function Offers({
  refusal,
  needs,
  change,
}: {
  refusal: Refusal;
  needs: Needs;
  change: OutcomeProps["change"];
}) {
  return (
    <ul class="offers">
      {refusal.offers.map((offer) => (
        <li key={`${offer.relax} ${offer.variant}`}>
          <button type="button" onClick={() => change(relaxed(needs, offer))}>
            Take less {wordOf(offer)}: {offer.variant}
          </button>
          {` in ${milliseconds(offer.latencyMs)}, `}
          {offer.accuracy === undefined ? "" : `accuracy ${offer.accuracy.toFixed(4)}, `}
          {`${dollars(offer.costUsd)} per 1,000`}
        </li>
      ))}
    </ul>
  );
}

const relaxations: Readonly<Record<string, string>> = {
  accuracy: "accuracy",
  latency: "speed",
  cost: "thrift",
};
const wordOf = ({ relax }: Offer) => relaxations[relax] ?? relax;

interface AnswerProps {
  readonly response: QueryResponse;
  /** What the task calls the places of its scores. */
  readonly labels: readonly string[];
}

function Answer({ response, labels }: AnswerProps) {
  const { receipt, explanation } = response;
  return (
    <>
      <Likely response={response} labels={labels} />
      {receipt !== undefined && (
        <>
          <dl>
            <dt>Variant</dt>
            <dd data-testid="variant">{receipt.variant}</dd>
            <dt>Accuracy</dt>
            <dd>
              {receipt.accuracy === undefined
                ? "not measured"
                : `${receipt.accuracy.value.toFixed(4)} on ${receipt.accuracy.dataset}`}
            </dd>
            <dt>Cost</dt>
            <dd>{dollars(receipt.costUsd * 1000)} per 1,000 queries</dd>
            <dt>Ran on</dt>
            <dd>
              {receipt.executor}, in a batch of {receipt.batchSize}
              {receipt.cold ? ", after loading it" : ""}
              {receipt.downgraded ? ", less than the best for lack of room" : ""}
            </dd>
            {receipt.traceId !== "" && (
              <>
                <dt>Trace</dt>
                <dd>{receipt.traceId}</dd>
              </>
            )}
          </dl>
          <h3>Where {milliseconds(receipt.totalMs)} went</h3>
          <ol class="stages">
            {stagesOf(receipt).map(({ name, ms }) => (
              <li key={name}>
                <span>{name}</span>
                <meter min={0} max={receipt.totalMs} value={ms} aria-label={name} />
                <span>{milliseconds(ms)}</span>
              </li>
            ))}
          </ol>
        </>
      )}
      {explanation !== undefined && <Candidates explanation={explanation} />}
    </>
  );
}

/** The most likely labels of the first output with one score a label. */
function Likely({ response, labels }: AnswerProps) {
  const { outputs, rawOutputContents } = response;
  const scores = outputs
    .map(({ datatype }, i) => scoresOf(datatype, rawOutputContents[i] ?? new Uint8Array()))
    .find((each) => each !== null && each.length === labels.length && labels.length > 0);
  if (scores === undefined || scores === null) {
    return (
      <p>
        {outputs.map(({ name, datatype, shape }) => `${name}: ${datatype} of ${shape.join("×")}`).join(", ")}
      </p>
    );
  }
  const ranked = sharesOf(scores)
    .map((share, i) => ({ label: labels[i] ?? String(i), share }))
    .sort((a, b) => b.share - a.share)
    .slice(0, LABELS_MAX);
  return (
    <>
      <p class="label" data-testid="label">
        {ranked[0]?.label}
      </p>
      <ol class="stages">
        {ranked.map(({ label, share }) => (
          <li key={label}>
            <span>{label}</span>
            <meter min={0} max={1} value={share} aria-label={label} />
            <span>{percent(share)}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

function Candidates({ explanation }: { readonly explanation: Explanation }) {
  const { candidates, omitted, summary } = explanation;
  const shown = candidates.slice(0, CANDIDATES_MAX);
  const more = omitted + candidates.length - shown.length;
  return (
    <>
      <h3>Why</h3>
      <p>{summary}</p>
      <table>
        <caption>Who could have answered</caption>
        <thead>
          <tr>
            <th scope="col">Variant</th>
            <th scope="col">Why not</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((candidate) => (
            <tr key={`${candidate.variant} ${candidate.executor}`}>
              <td>{candidate.variant}</td>
              <td>{candidateSentence(candidate)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <p>and {more} more</p>}
    </>
  );
}
