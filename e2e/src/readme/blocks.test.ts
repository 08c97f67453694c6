import { blocksOf } from "./blocks";
import { missingLines } from "./shown-output";

const page = `
## Start
\`\`\`sh
npm start
\`\`\`
**Ask.** For the impossible:
<!-- exit status 1 -->
\`\`\`sh
ask \\
  much
\`\`\`
\`\`\`text
refused
\`\`\`
<!-- not run: it takes two minutes -->
\`\`\`sh
wait
\`\`\`
\`\`\`ts
const code = 1;
\`\`\`
`;

describe("blocksOf", () => {
  it("returns what a reader pastes, what is shown of it, and what is said of it", () => {
    expect(blocksOf(page)).toEqual([
      { title: "Start", commands: "npm start", shown: [], notRun: null, status: 0 },
      { title: "Ask.", commands: "ask \\\n  much", shown: ["refused"], notRun: null, status: 1 },
      { title: "Ask.", commands: "wait", shown: [], notRun: "it takes two minutes", status: 0 },
    ]);
  });
});

describe("missingLines", () => {
  const printed = [
    " variant   net.v2",
    " latency   3.1 ms (asked for ≤ 50.0 ms)",
    "",
    '{"id":"a","parameters":{"cost":1}}',
  ];
  const missing = (...shown: string[]) => missingLines(shown, printed.join("\n"));

  it("is none where figures differ, lines are left out, or a line is cut off", () => {
    expect(missing(" variant   other.v1", "…", " latency   9 ms (asked for ≤ 50.0 ms)")).toEqual([]);
    expect(missing(" latency   …", '{"parameters":{"cost":7}}')).toEqual([]);
  });

  it.each([
    ["of other words", " dearer   net.v2"],
    ["of other columns", " variant   net.v2   executor-1"],
    ["with another field", '{"parameters":{"price":1}}'],
  ])("is a line %s", (_, line) => {
    expect(missing(line)).toEqual([line]);
  });

  it("is a line that comes before the one shown before it", () => {
    expect(missing(" latency   1 ms (asked for ≤ 50.0 ms)", " variant   net.v2")).toEqual([
      " variant   net.v2",
    ]);
  });
});
