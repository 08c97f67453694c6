import { compareCheckouts, compareReports, readReport } from "./compare";

const heading = "input      link        req/s   executor µs";
const report = (...perSecond: readonly number[]) =>
  ["# noise: 7 items/s", heading, ...perSecond.map((n) => `256 B      native   ${n}         4.5`)].join("\n");

describe("readReport", () => {
  it("keeps lines with numbers and leaves headings and comments out", () => {
    expect(readReport(report(1_000))).toEqual([{ words: "□ B native □ □", numbers: [256, 1_000, 4.5] }]);
  });
});

describe("compareReports", () => {
  it("takes the median over all windows and rounds of each checkout", () => {
    const figures = compareReports(
      [report(100, 300), report(200, 900)],
      [report(400, 400), report(400, 500)],
    );
    expect(figures).toEqual([{ label: "256 B native … 4.5", column: 1, before: 200, after: 400 }]);
  });

  it("tells lines apart by numbers that every run has alike", () => {
    const run = (one: number, many: number) => `echo   1   ${one}\necho   64   ${many}\n`;
    const figures = compareReports([run(10, 90), run(12, 80)], [run(11, 70), run(13, 60)]);
    expect(figures).toEqual([
      { label: "echo 1", column: 1, before: 10, after: 11 },
      { label: "echo 64", column: 1, before: 80, after: 60 },
    ]);
  });

  it("leaves out what only one checkout reports", () => {
    expect(compareReports(["old 1.5"], ["new 2.5"])).toEqual([]);
  });
});

describe("compareCheckouts", () => {
  it("says what it takes", async () => {
    await expect(compareCheckouts([])).rejects.toThrow("takes the path of another built checkout");
    await expect(compareCheckouts(["x", "echo", "--rounds", "0"])).rejects.toThrow("--rounds is '0'");
  });

  it("refuses a checkout that is not built", async () => {
    await expect(compareCheckouts([__dirname, "echo"])).rejects.toThrow("is not built");
  });
});
