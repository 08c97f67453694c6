import { create } from "@bufbuild/protobuf";
import { CandidateSchema, Verdict } from "../gen/infaas/v1/types_pb";
import { candidateSentence } from "./candidate-sentence";

const sentenceOf = (verdict: Verdict, value = 2, limit = 1) =>
  candidateSentence(create(CandidateSchema, { verdict, value, limit }));

describe("candidateSentence", () => {
  const verdicts = Object.values(Verdict).filter((v): v is Verdict => typeof v === "number" && v !== 0);

  it.each(verdicts.map((verdict) => [Verdict[verdict], verdict] as const))("has one for %s", (_, verdict) => {
    expect(sentenceOf(verdict)).not.toBe("not considered");
  });

  it("tells both figures in their unit", () => {
    expect(sentenceOf(Verdict.ACCURACY_BELOW_FLOOR, 0.9385, 0.98)).toBe(
      "accuracy 0.9385 is below the floor of 0.9800",
    );
    expect(sentenceOf(Verdict.DEARER, 9.722e-6, 1.347e-6)).toBe(
      "costs $0.00000972 per 1,000, the winner $0.00000135",
    );
  });
});
