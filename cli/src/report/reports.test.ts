import { stripVTControlCharacters } from "node:util";
import {
  DeleteResponseSchema,
  ExplainResponseSchema,
  GetPlanResponseSchema,
  GetStatusResponseSchema,
  ListChangesResponseSchema,
  ListModelsResponseSchema,
  RegistrationResultSchema,
} from "@infaas/api";
import stringWidth from "string-width";
import type { Screen } from "../terminal/screen";
import { recorded, recordedAnswer } from "../testing/recorded";
import { answerLines } from "./answer-report";
import { attentionOf } from "./attention-report";
import { changesLines } from "./changes-report";
import { deletionLines } from "./deletion-report";
import { explanationLines } from "./explanation-report";
import { modelsLines } from "./models-report";
import { planLines } from "./plan-report";
import { refusalLines } from "./refusal";
import { registrationLines } from "./registration-report";
import { statusLines } from "./status-report";
import { taskLines } from "./task-report";

const models = recorded("models", ListModelsResponseSchema);
const changes = recorded("changes", ListChangesResponseSchema);
const refused = recorded("explain-refused", ExplainResponseSchema);
const [digits] = models.tasks;
const labels = digits?.labels ?? [];
const nowEpochMs = (changes.changes.at(-1)?.epochMs ?? 0) + 3_600_000;

/** What each verb prints of what a real system answered. */
const reports: Readonly<Record<string, (screen: Screen) => readonly string[]>> = {
  models: (screen) => modelsLines(models, screen),
  "status of fixed hosts": (screen) =>
    statusLines(recorded("status", GetStatusResponseSchema), attentionOf(models), screen),
  "status of hosts that come and go": (screen) =>
    statusLines(recorded("status-hosts", GetStatusResponseSchema), [], screen),
  why: (screen) => changesLines(changes, nowEpochMs, screen),
  plan: (screen) => planLines(recorded("plan", GetPlanResponseSchema), screen),
  explain: (screen) => {
    const { explanation } = recorded("explain", ExplainResponseSchema);
    return explanation === undefined ? [] : explanationLines(explanation, screen);
  },
  "explain of the impossible": (screen) => [
    ...(refused.explanation === undefined ? [] : explanationLines(refused.explanation, screen)),
    ...(refused.refusal === undefined ? [] : refusalLines(refused.refusal, screen)),
  ],
  "query --explain": (screen) =>
    answerLines(
      { answer: recordedAnswer("query"), labels, needs: { minAccuracy: 0.95, latencyMs: 500 } },
      screen,
    ),
  "query of what is not loaded": (screen) =>
    answerLines({ answer: recordedAnswer("query-cold"), labels: [], needs: {} }, screen),
  register: (screen) => registrationLines(recorded("registration", RegistrationResultSchema), screen),
  delete: () => deletionLines(recorded("deleted", DeleteResponseSchema)),
  task: (screen) => (digits === undefined ? [] : taskLines(digits, screen)),
};

describe.each([80, 120])("in %d columns", (width) => {
  it.each(Object.entries(reports))("%s fits, and reads so", (_, report) => {
    const lines = report({ width, colour: false });
    expect(lines.filter((line) => stringWidth(line) > width)).toEqual([]);
    expect(`\n${lines.join("\n")}\n`).toMatchSnapshot();
  });
});

describe("in colour", () => {
  it.each(Object.entries(reports))("%s has the same text", (_, report) => {
    const coloured = report({ width: 80, colour: true }).map(stripVTControlCharacters);
    expect(coloured).toEqual(report({ width: 80, colour: false }));
  });
});
